"""Traces as OTLP's bytes, which are Tempo's too."""

from __future__ import annotations

from collections.abc import Iterator

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span, Status, TracesData

from tests.web.record import Record, Value


def _value(value: Value) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, float):
        return AnyValue(double_value=value)
    if isinstance(value, list):
        return AnyValue(array_value=ArrayValue(values=[_value(one) for one in value]))
    return AnyValue(string_value=value)


def pairs(attributes: dict[str, Value]) -> Iterator[KeyValue]:
    """Attributes of a message."""
    return (KeyValue(key=key, value=_value(value)) for key, value in attributes.items())


def encode(spans: list[Record]) -> TracesData:
    """The OTLP message of one trace; its bytes are also Tempo's first protobuf form of a trace."""
    groups: dict[tuple[tuple[str, str], ...], ScopeSpans] = {}
    data = TracesData()
    for span in spans:
        key = tuple((name, str(value)) for name, value in span.resource.items())
        if key not in groups:
            group = ResourceSpans(
                resource=Resource(attributes=pairs(span.resource)), scope_spans=[ScopeSpans()]
            )
            group.scope_spans[0].scope.name = "shared.telemetry"
            data.resource_spans.append(group)
            groups[key] = data.resource_spans[-1].scope_spans[0]
        groups[key].spans.append(
            Span(
                trace_id=span.trace_id,
                span_id=span.span_id,
                parent_span_id=span.parent_id,
                name=span.name,
                kind=span.kind,  # type: ignore[arg-type] # the generated enum is an int
                start_time_unix_nano=span.start,
                end_time_unix_nano=span.start + span.duration,
                attributes=pairs(span.attributes),
                events=[Span.Event(time_unix_nano=t, name=n, attributes=pairs(a)) for t, n, a in span.events],
                links=[Span.Link(trace_id=t, span_id=s) for t, s in span.links],
                status=Status(code=Status.STATUS_CODE_ERROR, message=span.error) if span.error else Status(),
            )
        )
    return data


def delimited(number: int, body: bytes) -> bytes:
    """A length-delimited protobuf field."""
    size, out = len(body), bytearray()
    while size >= 0x80:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    return bytes([number << 3 | 2]) + bytes(out) + bytes([size]) + body

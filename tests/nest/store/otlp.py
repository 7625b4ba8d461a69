"""Bodies for tests of the store."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from temponest.nest.model.span import Value

SECOND = 1_000_000_000
EPOCH = 1_700_000_000 * SECOND


@dataclass
class Given:
    """A span as a test writes it down; the rest has defaults."""

    trace: int = 1
    span: int = 1
    parent: int = 0
    name: str = "work"
    service: str = "auth"
    start: int = EPOCH
    duration: int = SECOND
    kind: int = 1
    status: int = 0
    message: str = ""
    attributes: Mapping[str, Value] = field(default_factory=dict)
    resource: Mapping[str, Value] = field(default_factory=dict)
    events: Sequence[tuple[str, Mapping[str, Value]]] = ()
    links: Sequence[int] = ()


def trace_id(number: int) -> bytes:
    return number.to_bytes(16, "big")


def span_id(number: int) -> bytes:
    return number.to_bytes(8, "big")


def body(*spans: Given) -> bytes:
    """One export request with each span under its own resource."""
    request = ExportTraceServiceRequest()
    for given in spans:
        group = request.resource_spans.add()
        _attributes(group.resource.attributes, {"service.name": given.service, **given.resource})
        scoped = group.scope_spans.add()
        scoped.scope.name = "tests"
        scoped.scope.version = "1"
        span = scoped.spans.add(
            trace_id=trace_id(given.trace),
            span_id=span_id(given.span),
            parent_span_id=span_id(given.parent) if given.parent else b"",
            name=given.name,
            start_time_unix_nano=given.start,
            end_time_unix_nano=given.start + given.duration,
        )
        span.kind = given.kind  # type: ignore[assignment] # any number is allowed on the wire
        span.status.code = given.status  # type: ignore[assignment] # any number is allowed on the wire
        span.status.message = given.message
        _attributes(span.attributes, given.attributes)
        for name, attributes in given.events:
            event = span.events.add(name=name, time_unix_nano=given.start)
            _attributes(event.attributes, attributes)
        for link in given.links:
            span.links.add(trace_id=trace_id(link), span_id=span_id(link))
    return request.SerializeToString()


def any_value(value: Value) -> AnyValue:
    made = AnyValue()
    if isinstance(value, bool):
        made.bool_value = value
    elif isinstance(value, int):
        made.int_value = value
    elif isinstance(value, float):
        made.double_value = value
    elif isinstance(value, str):
        made.string_value = value
    elif isinstance(value, bytes):
        made.bytes_value = value
    elif isinstance(value, tuple):
        made.array_value.values.extend(map(any_value, value))
        made.array_value.SetInParent()
    elif isinstance(value, dict):
        made.kvlist_value.values.extend(KeyValue(key=key, value=any_value(one)) for key, one in value.items())
        made.kvlist_value.SetInParent()
    return made


def _attributes(target: object, values: Mapping[str, Value]) -> None:
    target.extend(KeyValue(key=key, value=any_value(value)) for key, value in values.items())  # type: ignore[attr-defined] # a repeated KeyValue

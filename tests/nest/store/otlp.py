"""Bodies for tests of the store."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from temponest.nest.model.span import Attributes, Event, Link, Resource, Scope, Span, Value

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


@dataclass
class GivenLog:
    """A log record as a test writes it down; the rest has defaults."""

    body: Value = "hello"
    time: int = EPOCH
    observed: int = 0
    service: str = "auth"
    severity: int = 9
    severity_text: str = ""
    trace: int = 0
    span: int = 0
    event_name: str = ""
    flags: int = 0
    dropped: int = 0
    attributes: Mapping[str, Value] = field(default_factory=dict)
    resource: Mapping[str, Value] = field(default_factory=dict)


def log_body(*records: GivenLog) -> bytes:
    """One export request with each log record under its own resource."""
    request = ExportLogsServiceRequest()
    for given in records:
        group = request.resource_logs.add()
        _attributes(group.resource.attributes, {"service.name": given.service, **given.resource})
        scoped = group.scope_logs.add()
        scoped.scope.name = "tests"
        scoped.scope.version = "1"
        record = scoped.log_records.add(
            time_unix_nano=given.time,
            observed_time_unix_nano=given.observed,
            severity_text=given.severity_text,
            trace_id=trace_id(given.trace) if given.trace else b"",
            span_id=span_id(given.span) if given.span else b"",
            event_name=given.event_name,
            flags=given.flags,
            dropped_attributes_count=given.dropped,
        )
        record.severity_number = given.severity  # type: ignore[assignment] # any number is allowed on the wire
        if given.body is not None:
            record.body.CopyFrom(any_value(given.body))
        _attributes(record.attributes, given.attributes)
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


def parsed(encoded: bytes) -> list[Span]:
    """The spans of a request by way of protobuf objects: what the store's columns are compared with."""
    return [
        _span(span, resource, Scope(scoped.scope.name, scoped.scope.version, _read(scoped.scope.attributes)))
        for group in ExportTraceServiceRequest.FromString(encoded).resource_spans
        for resource in [Resource(_read(group.resource.attributes), group.resource.dropped_attributes_count)]
        for scoped in group.scope_spans
        for span in scoped.spans
    ]


def _span(span: SpanMessage, resource: Resource, scope: Scope) -> Span:
    return Span(
        trace_id=span.trace_id.rjust(16, b"\0"),
        span_id=span.span_id.rjust(8, b"\0"),
        parent_span_id=span.parent_span_id and span.parent_span_id.rjust(8, b"\0"),
        name=span.name,
        kind=span.kind,
        start_ns=span.start_time_unix_nano,
        end_ns=span.end_time_unix_nano,
        status=span.status.code,
        status_message=span.status.message,
        attributes=_read(span.attributes),
        resource=resource,
        scope=scope,
        events=[Event(one.time_unix_nano, one.name, _read(one.attributes)) for one in span.events],
        links=[Link(one.trace_id, one.span_id, one.trace_state) for one in span.links],
        trace_state=span.trace_state,
        flags=span.flags,
        dropped_attributes=span.dropped_attributes_count,
        dropped_events=span.dropped_events_count,
        dropped_links=span.dropped_links_count,
    )


def _read(pairs: Iterable[KeyValue]) -> Attributes:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(message: AnyValue) -> Value:
    kind = message.WhichOneof("value")
    if kind == "array_value":
        return tuple(map(_value, message.array_value.values))
    if kind == "kvlist_value":
        return _read(message.kvlist_value.values)
    return None if kind is None else getattr(message, kind)

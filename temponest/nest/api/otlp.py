"""Spans of the model → OTLP, as JSON-ready dictionaries and as protobuf messages.

Two spellings of JSON are in use: OTLP's own (hexadecimal ids, numbers for enums), which Jaeger's v3 API
speaks, and protobuf's (base64 ids, names for enums), which Tempo prints.
"""

from __future__ import annotations

import base64
import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.common.v1.common_pb2 import (
    AnyValue,
    ArrayValue,
    InstrumentationScope,
    KeyValue,
    KeyValueList,
)
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Status as StatusMessage

from ..model.span import Attributes, Kind, Resource, Scope, Span, Status, Value

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Spelling:
    """How JSON writes identifiers, kinds and status codes."""

    identifier: Callable[[bytes], str]
    kind: Callable[[int], str | int]
    status: Callable[[int], str | int]


def _kind_name(kind: int) -> str | int:
    return f"SPAN_KIND_{Kind(kind).name}" if kind <= max(Kind) else kind


def _status_name(code: int) -> str | int:
    return f"STATUS_CODE_{Status(code).name}" if code <= max(Status) else code


OTLP_JSON = Spelling(bytes.hex, int, int)
PROTOBUF_JSON = Spelling(lambda raw: base64.b64encode(raw).decode(), _kind_name, _status_name)


def grouped(spans: Iterable[Span]) -> Iterator[tuple[Resource, list[tuple[Scope, list[Span]]]]]:
    """Spans by resource and scope, in order of first appearance; equal ones are one group."""
    resources: list[tuple[Resource, list[tuple[Scope, list[Span]]]]] = []
    by_object: dict[tuple[int, int], list[Span]] = {}
    for span in spans:
        key = (id(span.resource), id(span.scope))
        group = by_object.get(key)
        if group is None:
            group = by_object[key] = _group_for(resources, span)
        group.append(span)
    return iter(resources)


def _group_for(resources: list[tuple[Resource, list[tuple[Scope, list[Span]]]]], span: Span) -> list[Span]:
    scopes = next((scopes for resource, scopes in resources if resource == span.resource), None)
    if scopes is None:
        scopes = []
        resources.append((span.resource, scopes))
    spans = next((spans for scope, spans in scopes if scope == span.scope), None)
    if spans is None:
        spans = []
        scopes.append((span.scope, spans))
    return spans


# --- JSON ---


def resource_spans_json(spans: Iterable[Span], spelling: Spelling) -> list[Json]:
    """OTLP's `resourceSpans` for these spans."""
    return [
        {
            "resource": _dropped(
                {"attributes": _attributes(resource.attributes)}, resource.dropped_attributes
            ),
            "scopeSpans": [
                {"scope": _scope(scope), "spans": [_span(span, spelling) for span in members]}
                for scope, members in scopes
            ],
        }
        for resource, scopes in grouped(spans)
    ]


def any_value(value: Value) -> Json:
    """An attribute's value as OTLP's AnyValue."""
    match value:
        case str():
            return {"stringValue": value}
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": number(value)}
        case bytes():
            return {"bytesValue": base64.b64encode(value).decode()}
        case tuple():
            return {"arrayValue": {"values": [any_value(one) for one in value]}}
        case dict():
            return {"kvlistValue": {"values": _attributes(value)}}
        case _:
            return {}


def number(value: float) -> float | str:
    """A float as protobuf's JSON writes it: what JSON has no number for is a string."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _attributes(attributes: Attributes) -> list[Json]:
    return [{"key": key, "value": any_value(value)} for key, value in attributes.items()]


def _dropped(message: Json, count: int) -> Json:
    if count:
        message["droppedAttributesCount"] = count
    return message


def _scope(scope: Scope) -> Json:
    message: Json = {}
    if scope.name:
        message["name"] = scope.name
    if scope.version:
        message["version"] = scope.version
    if scope.attributes:
        message["attributes"] = _attributes(scope.attributes)
    return _dropped(message, scope.dropped_attributes)


def _span(span: Span, spelling: Spelling) -> Json:
    message: Json = {
        "traceId": spelling.identifier(span.trace_id),
        "spanId": spelling.identifier(span.span_id),
        "name": span.name,
        # As protobuf's JSON leaves out what is zero.
        **({"kind": spelling.kind(span.kind)} if span.kind else {}),
        "startTimeUnixNano": str(span.start_ns),
        "endTimeUnixNano": str(span.end_ns),
        "attributes": _attributes(span.attributes),
        "status": {},
    }
    if span.parent_span_id:
        message["parentSpanId"] = spelling.identifier(span.parent_span_id)
    if span.trace_state:
        message["traceState"] = span.trace_state
    if span.flags:
        message["flags"] = span.flags
    if span.status:
        message["status"]["code"] = spelling.status(span.status)
    if span.status_message:
        message["status"]["message"] = span.status_message
    if span.events:
        message["events"] = [
            _dropped(
                {
                    "timeUnixNano": str(event.time_ns),
                    "name": event.name,
                    "attributes": _attributes(event.attributes),
                },
                event.dropped_attributes,
            )
            for event in span.events
        ]
    if span.links:
        message["links"] = [
            _dropped(
                {
                    "traceId": spelling.identifier(link.trace_id),
                    "spanId": spelling.identifier(link.span_id),
                    **({"traceState": link.trace_state} if link.trace_state else {}),
                    **({"flags": link.flags} if link.flags else {}),
                    "attributes": _attributes(link.attributes),
                },
                link.dropped_attributes,
            )
            for link in span.links
        ]
    if span.dropped_events:
        message["droppedEventsCount"] = span.dropped_events
    if span.dropped_links:
        message["droppedLinksCount"] = span.dropped_links
    return _dropped(message, span.dropped_attributes)


# --- protobuf ---


def resource_spans_messages(spans: Iterable[Span]) -> list[ResourceSpans]:
    """OTLP's `ResourceSpans` messages for these spans."""
    return [
        ResourceSpans(
            resource=resource_message(resource),
            scope_spans=[
                ScopeSpans(
                    scope=scope_message(scope),
                    spans=[_span_message(span) for span in members],
                )
                for scope, members in scopes
            ],
        )
        for resource, scopes in grouped(spans)
    ]


def resource_message(resource: Resource) -> ResourceMessage:
    """A resource."""
    return ResourceMessage(
        attributes=key_values(resource.attributes),
        dropped_attributes_count=resource.dropped_attributes,
    )


def scope_message(scope: Scope) -> InstrumentationScope:
    """An instrumentation scope."""
    return InstrumentationScope(
        name=scope.name,
        version=scope.version,
        attributes=key_values(scope.attributes),
        dropped_attributes_count=scope.dropped_attributes,
    )


def any_value_message(value: Value) -> AnyValue:
    """A value of an attribute or of a body."""
    match value:
        case str():
            return AnyValue(string_value=value)
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=value)
        case float():
            return AnyValue(double_value=value)
        case bytes():
            return AnyValue(bytes_value=value)
        case tuple():
            return AnyValue(array_value=ArrayValue(values=[any_value_message(one) for one in value]))
        case dict():
            return AnyValue(kvlist_value=KeyValueList(values=key_values(value)))
        case _:
            return AnyValue()


def key_values(attributes: Attributes) -> list[KeyValue]:
    """Attributes."""
    return [KeyValue(key=key, value=any_value_message(value)) for key, value in attributes.items()]


def _span_message(span: Span) -> SpanMessage:
    return SpanMessage(
        trace_id=span.trace_id,
        span_id=span.span_id,
        parent_span_id=span.parent_span_id,
        trace_state=span.trace_state,
        flags=span.flags,
        name=span.name,
        kind=span.kind,  # type: ignore[arg-type]  # protobuf keeps numbers it has no name for
        start_time_unix_nano=span.start_ns,
        end_time_unix_nano=span.end_ns,
        attributes=key_values(span.attributes),
        dropped_attributes_count=span.dropped_attributes,
        events=[
            SpanMessage.Event(
                time_unix_nano=event.time_ns,
                name=event.name,
                attributes=key_values(event.attributes),
                dropped_attributes_count=event.dropped_attributes,
            )
            for event in span.events
        ],
        dropped_events_count=span.dropped_events,
        links=[
            SpanMessage.Link(
                trace_id=link.trace_id,
                span_id=link.span_id,
                trace_state=link.trace_state,
                flags=link.flags,
                attributes=key_values(link.attributes),
                dropped_attributes_count=link.dropped_attributes,
            )
            for link in span.links
        ],
        dropped_links_count=span.dropped_links,
        status=StatusMessage(message=span.status_message, code=span.status),  # type: ignore[arg-type]  # same
    )

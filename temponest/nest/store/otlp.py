"""OTLP messages to the records of the model: the few that are decoded one by one."""

from __future__ import annotations

from functools import lru_cache

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage
from opentelemetry.proto.trace.v1.trace_pb2 import Span as SpanMessage

from ..model.span import Attributes, Event, Link, Resource, Scope, Value


def value(message: AnyValue) -> Value:
    """The Python value of an `AnyValue`; the depth was bounded when the body was received."""
    kind = message.WhichOneof("value")
    if kind == "array_value":
        return tuple(value(element) for element in message.array_value.values)
    if kind == "kvlist_value":
        return {pair.key: value(pair.value) for pair in message.kvlist_value.values}
    return None if kind is None else getattr(message, kind)


@lru_cache(maxsize=4096)
def resource(encoded: bytes) -> Resource:
    """A `Resource`; one object for equal bytes, which must not be changed."""
    message = ResourceMessage.FromString(encoded)
    return Resource(_attributes(message.attributes), message.dropped_attributes_count)


@lru_cache(maxsize=4096)
def scope(encoded: bytes) -> Scope:
    """An `InstrumentationScope`; one object for equal bytes, which must not be changed."""
    message = InstrumentationScope.FromString(encoded)
    attributes = _attributes(message.attributes)
    return Scope(message.name, message.version, attributes, message.dropped_attributes_count)


def key_value(encoded: bytes) -> tuple[str, Value]:
    """A `KeyValue`."""
    message = KeyValue.FromString(encoded)
    return message.key, value(message.value)


def event(encoded: bytes) -> Event:
    """A `Span.Event`."""
    message = SpanMessage.Event.FromString(encoded)
    attributes = _attributes(message.attributes)
    return Event(message.time_unix_nano, message.name, attributes, message.dropped_attributes_count)


def link(encoded: bytes) -> Link:
    """A `Span.Link`; ids are padded to the length OTLP asks for."""
    message = SpanMessage.Link.FromString(encoded)
    return Link(
        message.trace_id.rjust(16, b"\0"),
        message.span_id.rjust(8, b"\0"),
        message.trace_state,
        _attributes(message.attributes),
        message.dropped_attributes_count,
        message.flags,
    )


def _attributes(pairs: object) -> Attributes:
    return {pair.key: value(pair.value) for pair in pairs}  # type: ignore[attr-defined] # a repeated KeyValue

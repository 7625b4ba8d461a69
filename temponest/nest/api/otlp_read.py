"""OTLP JSON that somebody uploads → spans of the model. Unknown fields are ignored, as OTLP asks."""

from __future__ import annotations

import base64
import binascii
from typing import Any, TypeVar

from ..model.span import Attributes, Event, Link, Resource, Scope, Span, Value
from .errors import RequestError

_T = TypeVar("_T")
Json = dict[str, Any]

# Deeper values than anybody writes; reading them by recursion would exhaust the stack.
MAX_NESTING = 32


def spans_of(document: Any) -> list[Span]:
    """The spans of a `TracesData` document.

    Raises:
        RequestError: it is none; the message names the field.
    """
    try:
        return [
            span
            for group in _list(_object(document, "document"), "resourceSpans")
            for span in _group(_object(group, "resourceSpans"))
        ]
    except (ValueError, binascii.Error) as error:
        raise RequestError(f"no OTLP JSON: {error}") from None


def _group(group: Json) -> list[Span]:
    raw = _object(group.get("resource", {}), "resource")
    resource = Resource(_attributes(raw), _int(raw, "droppedAttributesCount"))
    spans = []
    for one in _list(group, "scopeSpans"):
        inner = _object(one, "scopeSpans")
        named = _object(inner.get("scope", {}), "scope")
        scope = Scope(
            _text(named, "name"),
            _text(named, "version"),
            _attributes(named),
            _int(named, "droppedAttributesCount"),
        )
        spans += [_span(_object(raw_span, "spans"), resource, scope) for raw_span in _list(inner, "spans")]
    return spans


def _span(raw: Json, resource: Resource, scope: Scope) -> Span:
    status = _object(raw.get("status", {}), "status")
    return Span(
        trace_id=_id(raw, "traceId", 16),
        span_id=_id(raw, "spanId", 8),
        parent_span_id=_id(raw, "parentSpanId", 8) if raw.get("parentSpanId") else b"",
        name=_text(raw, "name"),
        kind=_int(raw, "kind"),
        start_ns=_int(raw, "startTimeUnixNano"),
        end_ns=_int(raw, "endTimeUnixNano"),
        status=_int(status, "code"),
        status_message=_text(status, "message"),
        attributes=_attributes(raw),
        resource=resource,
        scope=scope,
        events=[
            Event(
                _int(one, "timeUnixNano"),
                _text(one, "name"),
                _attributes(one),
                _int(one, "droppedAttributesCount"),
            )
            for one in (_object(item, "events") for item in _list(raw, "events"))
        ],
        links=[
            Link(_id(one, "traceId", 16), _id(one, "spanId", 8), _text(one, "traceState"), _attributes(one))
            for one in (_object(item, "links") for item in _list(raw, "links"))
        ],
        trace_state=_text(raw, "traceState"),
        flags=_int(raw, "flags"),
        dropped_attributes=_int(raw, "droppedAttributesCount"),
        dropped_events=_int(raw, "droppedEventsCount"),
        dropped_links=_int(raw, "droppedLinksCount"),
    )


def _attributes(owner: Json, depth: int = 0, key: str = "attributes") -> Attributes:
    return {
        _text(pair, "key"): _value(_object(pair.get("value", {}), "value"), depth)
        for pair in (_object(item, key) for item in _list(owner, key))
    }


def _value(raw: Json, depth: int) -> Value:
    if depth > MAX_NESTING:
        raise ValueError(f"a value is nested more than {MAX_NESTING} levels deep")
    for key, found in raw.items():
        match key:
            case "stringValue":
                return _typed(found, str, key)
            case "boolValue":
                return _typed(found, bool, key)
            case "intValue":
                return _int(raw, key)
            case "doubleValue":
                return float(found)
            case "bytesValue":
                return base64.b64decode(_typed(found, str, key), validate=True)
            case "arrayValue":
                inner = _object(found, key)
                return tuple(_value(_object(one, key), depth + 1) for one in _list(inner, "values"))
            case "kvlistValue":
                return _attributes(_object(found, key), depth + 1, "values")
    return None


def _object(value: Any, name: str) -> Json:
    return _typed(value, dict, name)


def _list(owner: Json, key: str) -> list[Any]:
    return _typed(owner.get(key) or [], list, key)


def _text(owner: Json, key: str) -> str:
    return _typed(owner.get(key, ""), str, key)


def _int(owner: Json, key: str) -> int:
    value = owner.get(key, 0)
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"{key} is {value!r}, not a whole number")
    return int(value)


def _id(owner: Json, key: str, size: int) -> bytes:
    raw = bytes.fromhex(_text(owner, key))
    if len(raw) != size:
        raise ValueError(f"{key} has {len(raw)} bytes, not {size}")
    return raw


def _typed(value: Any, kind: type[_T], name: str) -> _T:
    if not isinstance(value, kind):
        raise ValueError(f"{name} is {type(value).__name__}, not {kind.__name__}")
    return value

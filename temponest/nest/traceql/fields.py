"""Where the value of an attribute or intrinsic comes from, on one span of a trace."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from ..model.fetch import Attribute, AttributeScope
from ..model.span import Kind, Span, Status, Value
from .operations import Many, first
from .trace import Trace
from .tree import FieldRef

Getter: TypeAlias = Callable[[Trace, int], Value]


def _of_span(get: Callable[[Span], Value]) -> Getter:
    return lambda trace, index: get(trace.spans[index])


# As in Tempo, what a trace has no root for is an empty text: `rootName != "x"` finds such a trace, too.
def _root_name(trace: Trace, _: int) -> Value:
    return trace.root.name if trace.root else ""


def _root_service(trace: Trace, _: int) -> Value:
    return trace.root.resource.service_name if trace.root else ""


_INTRINSICS: dict[str, Getter] = {
    "name": _of_span(lambda span: span.name),
    "kind": _of_span(lambda span: span.kind),
    "status": _of_span(lambda span: span.status),
    "statusMessage": _of_span(lambda span: span.status_message),
    "duration": _of_span(lambda span: span.duration_ns),
    "traceDuration": lambda trace, _: trace.duration_ns,
    "rootName": _root_name,
    "rootServiceName": _root_service,
    "trace:id": lambda trace, _: trace.trace_id.hex(),
    "span:id": _of_span(lambda span: span.span_id.hex()),
    "span:parentID": _of_span(lambda span: span.parent_span_id.hex() or None),
    "span:childCount": lambda trace, index: len(trace.children[index]),
    "event:name": _of_span(lambda span: Many(event.name for event in span.events)),
    "event:timeSinceStart": _of_span(
        lambda span: Many(event.time_ns - span.start_ns for event in span.events)
    ),
    "link:traceID": _of_span(lambda span: Many(link.trace_id.hex() for link in span.links)),
    "link:spanID": _of_span(lambda span: Many(link.span_id.hex() for link in span.links)),
    "instrumentation:name": _of_span(lambda span: span.scope.name),
    "instrumentation:version": _of_span(lambda span: span.scope.version),
    "nestedSetLeft": lambda trace, index: trace.nested_set.left[index],
    "nestedSetRight": lambda trace, index: trace.nested_set.right[index],
    "nestedSetParent": lambda trace, index: trace.nested_set.parent[index],
}

# Their values are compared as hexadecimal numbers: queries may leave out leading zeros.
ID_DIGITS = {"trace:id": 32, "span:id": 16, "span:parentID": 16, "link:traceID": 32, "link:spanID": 16}


def getter(field: FieldRef) -> Getter:
    """The function that reads this field; None is its answer where the span has no such attribute."""
    own = _getter(field.attribute)
    if not field.aliases:
        return own
    others = [_getter(alias) for alias in field.aliases]

    def read(trace: Trace, index: int) -> Value:
        value = own(trace, index)
        for other in others:
            if value is not None:
                break
            value = other(trace, index)
        return value

    return read


def _getter(attribute: Attribute) -> Getter:
    name = attribute.name
    match attribute.scope:
        case AttributeScope.INTRINSIC:
            return _INTRINSICS[name]
        case AttributeScope.SPAN:
            return lambda trace, index: trace.spans[index].attributes.get(name)
        case AttributeScope.RESOURCE:
            return lambda trace, index: trace.spans[index].resource.attributes.get(name)
        case AttributeScope.INSTRUMENTATION:
            return lambda trace, index: trace.spans[index].scope.attributes.get(name)
        case AttributeScope.EVENT:
            return lambda trace, index: _many(
                event.attributes.get(name) for event in trace.spans[index].events
            )
        case AttributeScope.LINK:
            return lambda trace, index: _many(link.attributes.get(name) for link in trace.spans[index].links)
        case AttributeScope.ANY:
            return _unscoped(name)


def _unscoped(name: str) -> Getter:
    def read(trace: Trace, index: int) -> Value:
        span = trace.spans[index]
        value = span.attributes.get(name)
        return value if value is not None else span.resource.attributes.get(name)

    return read


def _many(values: object) -> Value:
    found = Many(value for value in values if value is not None)  # type: ignore[attr-defined]  # a generator
    return found or None


def shown(attribute: Attribute, value: Value) -> Value:
    """The value as answers show it: statuses and kinds as words, durations as `1.5s`."""
    value = first(value)
    if attribute.scope is not AttributeScope.INTRINSIC or not isinstance(value, int):
        return value
    match attribute.name:
        case "status":
            return Status(value).name.lower() if value <= max(Status) else str(value)
        case "kind":
            return Kind(value).name.lower() if value <= max(Kind) else str(value)
        case "duration" | "traceDuration" | "event:timeSinceStart":
            return format_duration(value)
        case _:
            return value


def format_duration(nanoseconds: float) -> str:
    """A duration as Go prints it: `1.5s`, `250ms`, `1h0m3s`."""
    value = int(nanoseconds)
    sign, value = ("-", -value) if value < 0 else ("", value)
    if value < 1_000_000_000:
        for unit, size in (("ms", 1_000_000), ("µs", 1_000)):
            if value >= size:
                return f"{sign}{_decimal(value, size)}{unit}"
        return f"{sign}{value}ns" if value else "0s"
    minutes, rest = divmod(value, 60_000_000_000)
    hours, minutes = divmod(minutes, 60)
    seconds = f"{_decimal(rest, 1_000_000_000)}s"
    if hours:
        return f"{sign}{hours}h{minutes}m{seconds}"
    return f"{sign}{minutes}m{seconds}" if minutes else sign + seconds


def _decimal(value: int, size: int) -> str:
    whole, rest = divmod(value, size)
    if not rest:
        return str(whole)
    return f"{whole}." + f"{rest:0{len(str(size)) - 1}d}".rstrip("0")

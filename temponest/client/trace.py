"""A trace as Tempo's API gives it (OTLP JSON), made into spans and a tree."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

Value: TypeAlias = "str | bool | int | float | list[Value] | dict[str, Value] | None"

_KINDS = ("unspecified", "internal", "server", "client", "producer", "consumer")
_STATUSES = ("unset", "ok", "error")


@dataclass(slots=True)
class Event:
    """Something that happened at one moment of a span."""

    time_ns: int
    name: str
    attributes: dict[str, Value]


@dataclass(slots=True)
class Span:
    """One span; ids are lower-case hex, times integer nanoseconds since the epoch."""

    span_id: str
    parent_id: str
    name: str
    service: str
    kind: str
    status: str
    status_message: str
    start_ns: int
    end_ns: int
    attributes: dict[str, Value]
    events: list[Event] = field(default_factory=list)
    children: list[Span] = field(default_factory=list)
    depth: int = 0

    @property
    def duration_ns(self) -> int:
        """Time from start to end; never negative."""
        return max(0, self.end_ns - self.start_ns)


@dataclass(slots=True)
class Trace:
    """All spans of a trace by start, and those that nobody in it is the parent of."""

    spans: list[Span]
    roots: list[Span]

    @property
    def start_ns(self) -> int:
        """Start of the earliest span."""
        return min(span.start_ns for span in self.spans)

    @property
    def end_ns(self) -> int:
        """End of the latest span."""
        return max(span.end_ns for span in self.spans)

    @property
    def services(self) -> list[str]:
        """Names of the services in it, sorted."""
        return sorted({span.service for span in self.spans})

    def walk(self) -> Iterator[Span]:
        """Parents before children, siblings by start."""
        stack = list(reversed(self.roots))
        while stack:
            span = stack.pop()
            yield span
            stack.extend(reversed(span.children))


def parse(document: Mapping[str, Any]) -> Trace:
    """Read the JSON of `/api/v2/traces/{id}` (`trace.resourceSpans`) or `/api/traces/{id}` (`batches`).

    Spans whose parent is missing, and one span of each circle of parents, count as roots.

    Raises:
        ValueError: the document holds no spans or is of another shape.
    """
    trace = document.get("trace", document)
    spans: list[Span] = []
    for group in trace.get("resourceSpans") or trace.get("batches") or ():
        service = str(attributes(group.get("resource", {})).get("service.name", "unknown_service"))
        for scope in group.get("scopeSpans") or ():
            spans.extend(_span(item, service) for item in scope.get("spans") or ())
    if not spans:
        raise ValueError("the answer holds no spans")
    return _tree(spans)


def attributes(holder: Mapping[str, Any]) -> dict[str, Value]:
    """The `attributes` list of an OTLP JSON object as a dictionary."""
    return {item["key"]: value(item.get("value") or {}) for item in holder.get("attributes") or ()}


def value(any_value: Mapping[str, Any]) -> Value:
    """An OTLP JSON AnyValue as a plain value; bytes stay base64 text."""
    for kind, content in any_value.items():
        if kind == "intValue":
            return int(content)
        if kind == "arrayValue":
            return [value(item) for item in content.get("values") or ()]
        if kind == "kvlistValue":
            return {item["key"]: value(item.get("value") or {}) for item in content.get("values") or ()}
        if kind in {"stringValue", "boolValue", "doubleValue", "bytesValue"}:
            return content  # type: ignore[no-any-return]  # JSON gives what its key promises
    return None


def hex_id(text: str | None, size: int) -> str:
    """An id of `size` bytes as hex: OTLP JSON writes hex, Tempo writes base64."""
    if not text:
        return ""
    if len(text) == 2 * size:
        return text.lower()
    try:
        return base64.b64decode(text, validate=True).hex()
    except (binascii.Error, ValueError):
        raise ValueError(f"{text!r} is not an id of {size} bytes") from None


def _number(item: object, names: tuple[str, ...], prefix: str) -> str:
    """Enumerations come as numbers (OTLP) or by their full name (Tempo)."""
    if isinstance(item, str) and not item.isdigit():
        return item.removeprefix(prefix).lower()
    index = int(item) if isinstance(item, int | str) else 0
    return names[index] if 0 <= index < len(names) else names[0]


def _span(item: Mapping[str, Any], service: str) -> Span:
    status = item.get("status") or {}
    return Span(
        span_id=hex_id(item.get("spanId"), 8),
        parent_id=hex_id(item.get("parentSpanId"), 8),
        name=item.get("name", ""),
        service=service,
        kind=_number(item.get("kind", 0), _KINDS, "SPAN_KIND_"),
        status=_number(status.get("code", 0), _STATUSES, "STATUS_CODE_"),
        status_message=status.get("message", ""),
        start_ns=int(item.get("startTimeUnixNano", 0)),
        end_ns=int(item.get("endTimeUnixNano", 0)),
        attributes=attributes(item),
        events=[
            Event(int(one.get("timeUnixNano", 0)), one.get("name", ""), attributes(one))
            for one in item.get("events") or ()
        ],
    )


def _tree(spans: list[Span]) -> Trace:
    spans.sort(key=lambda span: (span.start_ns, span.end_ns))
    by_id = {span.span_id: span for span in spans}
    roots = []
    for span in spans:
        parent = by_id.get(span.parent_id)
        if parent is None or parent is span:
            roots.append(span)
        else:
            parent.children.append(span)
    trace = Trace(spans, roots)
    reached = _set_depths(roots)
    for span in spans:
        if id(span) not in reached:
            # Nothing leads here from a root: a circle. Its earliest span is cut loose from its parent.
            by_id[span.parent_id].children.remove(span)
            roots.append(span)
            reached |= _set_depths([span])
    return trace


def _set_depths(roots: list[Span]) -> set[int]:
    reached = set()
    stack = [(span, 0) for span in roots]
    while stack:
        span, depth = stack.pop()
        span.depth = depth
        reached.add(id(span))
        stack.extend((child, depth + 1) for child in span.children)
    return reached

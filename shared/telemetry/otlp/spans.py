"""A span as the bytes of an OTLP `Span` message, and the resource and scope it belongs to (trace.proto).

Fields are written in the order that is cheapest to put together; protobuf readers accept any.
"""

from __future__ import annotations

from struct import Struct
from typing import TYPE_CHECKING

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, SpanContext, SpanKind
from opentelemetry.trace.span import DEFAULT_TRACE_STATE

from ..scope import attributes_of as scope_attributes
from ..scrub import scrub
from .attributes import AttributeEncoder, Prepared, attributes_of, span_attributes
from .wire import fixed64, message, text, unsigned, varint

if TYPE_CHECKING:
    from ..trace.extras import Extras
    from ..trace.local import LocalTrace
    from ..trace.span import Span

_ROOT = Struct(">18sHQ")
_CHILD = Struct(">18sHQHQ")
_TIMES = Struct("<BQBQ")
_SPAN_ID, _PARENT_ID = 0x1208, 0x2208
_START, _END = 0x39, 0x41

_FLAGS_LOCAL = b"\x85\x01\x00\x01\x00\x00"
_FLAGS_REMOTE = b"\x85\x01\x00\x03\x00\x00"
_PLAIN_TAIL = _FLAGS_LOCAL + b"\x7a\x00"

_attribute = span_attributes.get_field
_event_attributes = AttributeEncoder(b"\x1a")


class _Names(dict[str, bytes]):
    """Encoded name and kind by name, for one kind; starts again from empty when full."""

    __slots__ = ("_kind",)

    def __init__(self, kind: int) -> None:
        super().__init__()
        # OTLP's numbers leave 0 to "unspecified".
        self._kind = b"\x30" + varint(kind + 1)

    def __missing__(self, name: str) -> bytes:
        field = text(b"\x2a", str(name)) + self._kind
        if len(field) < 512:
            if len(self) >= 1024:
                self.clear()
            self[name] = field
        return field


# By number: hashing an enum member runs Python.
_NAMES = tuple(_Names(kind._value_) for kind in SpanKind)


def encode_span(span: Span) -> bytes:
    """The body of a `Span` message for a span that has ended."""
    if span._source is not None:
        span.work_out()
    trace = span._trace
    ahead = trace.ahead
    origin = span._origin
    tail = _PLAIN_TAIL
    if isinstance(origin, int):
        identity = _CHILD.pack(trace.wire, _SPAN_ID, span._span_id, _PARENT_ID, origin)
    elif origin is None:
        identity = _ROOT.pack(trace.wire, _SPAN_ID, span._span_id)
    else:
        identity = _CHILD.pack(trace.wire, _SPAN_ID, span._span_id, _PARENT_ID, origin[1])
        if origin[2]:
            tail = _FLAGS_REMOTE + b"\x7a\x00"
    if trace.state is not DEFAULT_TRACE_STATE and trace.state:
        identity += text(b"\x1a", trace.state.to_header())
    if span._extras is not None:
        tail = tail[:6] + _extras(span._extras)
    prepared = span._prepared
    attributes = span._attrs
    parts = [
        identity,
        _NAMES[span._kind._value_][span._name],
        _TIMES.pack(_START, span._began + ahead, _END, span._ended + ahead),  # type: ignore[operator]  # it has ended
        tail,
    ]
    if prepared is not None:
        parts.append(prepared.wire)
    if attributes:
        try:
            parts += map(_attribute, attributes.items())
        except TypeError:
            # A mapping or another unhashable value is in there: the table cannot even be asked.
            parts[4:] = [b"" if prepared is None else prepared.wire, attributes_of(b"\x4a", attributes)]
    return b"".join(parts)


def encode_rest(name: str, kind: SpanKind, prepared: Prepared) -> bytes:
    """All of a span but its identity and its times, for spans that end as they began: see `encode_leaf`."""
    return _NAMES[kind._value_][name] + _PLAIN_TAIL + prepared.wire


def encode_leaf(trace: LocalTrace, parent: int, own: int, began: int, ended: int, rest: bytes) -> bytes:
    """The body of a `Span` message for a span below another of this process that nothing was added to."""
    if trace.state is not DEFAULT_TRACE_STATE and trace.state:
        rest += text(b"\x1a", trace.state.to_header())
    return (
        _CHILD.pack(trace.wire, _SPAN_ID, own, _PARENT_ID, parent)
        + _TIMES.pack(_START, began + trace.ahead, _END, ended + trace.ahead)
        + rest
    )


def _extras(more: Extras) -> bytes:
    status = more.status
    body = b""
    if status is not None:
        body = text(b"\x12", scrub(status.description or "")) + unsigned(b"\x18", status.status_code.value)
    return b"".join(
        (
            message(b"\x7a", body),
            unsigned(b"\x50", more.dropped_attributes),
            unsigned(b"\x60", more.dropped_events),
            unsigned(b"\x70", more.dropped_links),
            *[message(b"\x5a", _event(event)) for event in more.events],
            *[message(b"\x6a", _link(link)) for link in more.links],
        )
    )


def _event(event: Event) -> bytes:
    return b"".join(
        (
            b"\x09",
            fixed64.pack(event.timestamp),
            text(b"\x12", event.name),
            _event_attributes.encode(event.attributes or {}),
            unsigned(b"\x20", getattr(event, "dropped_attributes", 0)),
        )
    )


def _link(link: Link) -> bytes:
    context: SpanContext = link.context
    return b"".join(
        (
            message(b"\x0a", context.trace_id.to_bytes(16, "big")),
            message(b"\x12", context.span_id.to_bytes(8, "big")),
            text(b"\x1a", context.trace_state.to_header()),
            attributes_of(b"\x22", link.attributes),
            unsigned(b"\x28", getattr(link, "dropped_attributes", 0)),
            b"\x35\x00\x03\x00\x00" if context.is_remote else b"\x35\x00\x01\x00\x00",
        )
    )


def encode_resource(resource: Resource) -> bytes:
    """What opens a `ResourceSpans` or `ResourceMetrics`: the `Resource` (1) and its schema URL (3)."""
    return message(b"\x0a", attributes_of(b"\x0a", resource.attributes)) + text(b"\x1a", resource.schema_url)


def encode_scope(scope: InstrumentationScope) -> bytes:
    """What opens a `ScopeSpans` or `ScopeMetrics`: the `InstrumentationScope` (1) and the schema URL (3)."""
    body = b"".join(
        (
            text(b"\x0a", str(scope.name)),
            text(b"\x12", str(scope.version or "")),
            attributes_of(b"\x1a", scope_attributes(scope)),
        )
    )
    return message(b"\x0a", body) + text(b"\x1a", str(scope.schema_url or ""))

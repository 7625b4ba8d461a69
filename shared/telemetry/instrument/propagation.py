"""Trace context in and out of headers: the W3C formats by hand, any other propagator through the API."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from opentelemetry import propagate
from opentelemetry.baggage import _BAGGAGE_KEY
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import Getter, TextMapPropagator
from opentelemetry.trace import (
    NonRecordingSpan,
    Span,
    SpanContext,
    TraceFlags,
    TraceState,
    set_span_in_context,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ..trace.context import current

Headers = Sequence[tuple[bytes, bytes]]

_TRACEPARENT = re.compile(
    rb"[ \t]*([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?[ \t]*", re.DOTALL
)
_MEMBER = re.compile(
    r"([a-z0-9][a-z0-9_*/@-]{0,255})=([\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e])"
)
_MAX_MEMBERS = 32
_MAX_TRACESTATE = 8192
_FLAGS = tuple(TraceFlags(value) for value in range(256))
_random = Random()  # noqa: S311 - ids need no secrecy, and a generator of our own leaves the user's seed alone


class _BytesGetter(Getter[Headers]):
    def get(self, carrier: Headers, key: str) -> list[str] | None:
        name = key.lower().encode("latin-1")
        values = [value.decode("latin-1") for header, value in carrier if header.lower() == name]
        if not values:
            return None
        # The baggage propagator reads the first value only; RFC 9110, 5.3 allows to join them.
        return [",".join(values)] if name == b"baggage" else values

    def keys(self, carrier: Headers) -> list[str]:
        return [name.decode("latin-1") for name, _ in carrier]


_getter = _BytesGetter()
_baggage = W3CBaggagePropagator()
_judged: tuple[TextMapPropagator | None, bool] = (None, False)


def _writes_w3c(propagator: TextMapPropagator) -> bool:
    """Whether the global propagator is the default one: trace context, then baggage."""
    global _judged
    judged, answer = _judged
    if judged is propagator:
        return answer
    parts = (
        getattr(propagator, "_propagators", ()) if type(propagator) is CompositePropagator else (propagator,)
    )
    kinds = [type(part) for part in parts]
    answer = kinds in (
        [TraceContextTextMapPropagator, W3CBaggagePropagator],
        [W3CBaggagePropagator, TraceContextTextMapPropagator],
    )
    _judged = (propagator, answer)
    return answer


def extract(headers: Headers, unique: dict[bytes, bytes]) -> Context | None:
    """The context that a request's headers carry on top of the current one, or None when they carry none.

    Args:
        headers: names (lower case) and values as ASGI has them.
        unique: the same as a dictionary; where a name came twice it is the last value.
    """
    propagator = propagate.get_global_textmap()
    if not _writes_w3c(propagator):
        return propagator.extract(headers, context=current(), getter=_getter)
    line = unique.get(b"traceparent")
    parent = None if line is None else _parent(headers, unique, line)
    context = None if parent is None else set_span_in_context(NonRecordingSpan(parent))
    if b"baggage" in unique:
        return _baggage.extract(headers, context=context or current(), getter=_getter)
    return context


def _parent(headers: Headers, unique: dict[bytes, bytes], line: bytes) -> SpanContext | None:
    """The span that sent the request (W3C Trace Context, "Processing Model"), None when it is not valid."""
    if len(unique) != len(headers) and sum(name == b"traceparent" for name, _ in headers) > 1:
        return None
    match = _TRACEPARENT.fullmatch(line)
    if match is None:
        return None
    version, trace_id, span_id, flags, more = match.groups()
    # What later versions append is theirs to read; version 255 is forbidden.
    if version == b"ff" or (version == b"00" and more is not None):
        return None
    state = _tracestate(headers) if b"tracestate" in unique else None
    parent = SpanContext(int(trace_id, 16), int(span_id, 16), True, _FLAGS[int(flags, 16)], state)
    return parent if parent.is_valid else None


def _tracestate(headers: Headers) -> TraceState:
    """What other vendors ask to pass on; empty when it is not valid (Trace Context level 2, section 3.3)."""
    whole = b",".join(value for name, value in headers if name == b"tracestate")
    members: dict[str, str] = {}
    for member in whole.decode("latin-1").split(","):
        trimmed = member.strip(" \t")
        if not trimmed:
            continue
        match = _MEMBER.fullmatch(trimmed)
        if match is None:
            return TraceState.get_default()
        members.setdefault(*match.groups())
    state = TraceState()
    if len(members) <= _MAX_MEMBERS and len(whole) <= _MAX_TRACESTATE:
        # The constructor takes the keys of level 1 only and logs a warning for any other.
        state._dict = members
    return state


def unsampled() -> Context:
    """The current context below a span that is not sampled, so that nothing caused by it is sampled."""
    parent = SpanContext(_random.getrandbits(128) or 1, _random.getrandbits(64) or 1, False, _FLAGS[0])
    return set_span_in_context(NonRecordingSpan(parent))


def traceparent(span: Span, context: Context) -> bytes | None:
    """The value of the `traceparent` header, or None where that header alone does not say everything.

    Args:
        span: the client span.
        context: the context of the call.
    """
    if _BAGGAGE_KEY in context or not _writes_w3c(propagate.get_global_textmap()):
        return None
    own = getattr(span, "traceparent", None)
    if own is not None:
        # Ours knows it without making a span context first.
        line: bytes | None = own()
        return line
    sent = span.get_span_context()
    if sent.trace_state or not sent.is_valid:
        return None
    return b"00-%032x-%016x-%02x" % (sent.trace_id, sent.span_id, sent.trace_flags)


def inject(span: Span, context: Context) -> list[tuple[str, str]]:
    """Headers that carry `span`, and the baggage of `context`, to the next service.

    Args:
        span: the client span; it need not be current.
        context: the context of the call, for baggage and for other propagators.
    """
    line = traceparent(span, context)
    if line is not None:
        return [("traceparent", line.decode())]
    headers: dict[str, str] = {}
    propagate.inject(headers, context=set_span_in_context(span, context))
    return list(headers.items())

"""Trace context in and out of headers: the W3C formats by hand, any other propagator through the API."""

from __future__ import annotations

import re
from collections.abc import Iterable
from random import Random

from opentelemetry import propagate
from opentelemetry.baggage import _BAGGAGE_KEY
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import Getter, TextMapPropagator
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, TraceFlags, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ..trace.context import current

Headers = Iterable[tuple[bytes, bytes]]

_TRACEPARENT = re.compile(rb"00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})")
_FLAGS = tuple(TraceFlags(value) for value in range(256))
_random = Random()  # noqa: S311 - ids need no secrecy, and a generator of our own leaves the user's seed alone


class _BytesGetter(Getter[Headers]):
    def get(self, carrier: Headers, key: str) -> list[str] | None:
        name = key.lower().encode("latin-1")
        values = [value.decode("latin-1") for header, value in carrier if header.lower() == name]
        if not values:
            return None
        # The propagators read the first value only. Joined (RFC 9110, 5.3) they see all of the baggage, and a
        # second traceparent makes both invalid, as Trace Context wants it.
        return values if name == b"tracestate" else [",".join(values)]

    def keys(self, carrier: Headers) -> list[str]:
        return [name.decode("latin-1") for name, _ in carrier]


_getter = _BytesGetter()
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
    if _writes_w3c(propagator):
        traceparent = unique.get(b"traceparent")
        if traceparent is None:
            if b"baggage" not in unique:
                return None
        elif b"tracestate" not in unique and b"baggage" not in unique and len(unique) == len(list(headers)):
            match = _TRACEPARENT.fullmatch(traceparent)
            if match is not None:
                trace_id, span_id, flags = match.groups()
                parent = SpanContext(int(trace_id, 16), int(span_id, 16), True, _FLAGS[int(flags, 16)])
                if parent.is_valid:
                    return set_span_in_context(NonRecordingSpan(parent))
    return propagator.extract(headers, context=current(), getter=_getter)


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

"""A tracer provider whose finished spans a test can read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.util.instrumentation import InstrumentationScope as Scope
from opentelemetry.trace import (
    Link,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    Tracer,
    TraceState,
)

from shared.telemetry import deferred
from shared.telemetry.trace.provider import TracerProvider as OurProvider

if TYPE_CHECKING:
    from opentelemetry.proto.common.v1.common_pb2 import AnyValue, InstrumentationScope, KeyValue
    from opentelemetry.proto.trace.v1.trace_pb2 import Span


class Recorded:
    """A tracer provider and the spans that ended on it.

    Args:
        ours: our provider, or the SDK's.
        sent: read the spans back from the bytes that are sent, with nobody who looks at them before.
    """

    def __init__(self, *, ours: bool = True, sent: bool = False) -> None:
        self.provider = OurProvider(resource=Resource.create()) if ours else TracerProvider()
        self._exporter = InMemorySpanExporter()
        self._sent: list[ReadableSpan] = []
        if sent and isinstance(self.provider, OurProvider):
            self.provider.send_to(self._take, together=True)
            # The first span of a process is encoded at once, the others later.
            self.tracer.start_span("first").end()
            self.clear()
        else:
            self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def tracer(self) -> Tracer:
        return self.provider.get_tracer("test")

    @property
    def spans(self) -> list[ReadableSpan]:
        deferred.settle()
        return [*self._exporter.get_finished_spans(), *self._sent]

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.spans]

    def only(self) -> ReadableSpan:
        """The one span that ended."""
        (span,) = self.spans
        return span

    def named(self, name: str) -> ReadableSpan:
        """The one span of that name."""
        (span,) = (span for span in self.spans if span.name == name)
        return span

    def clear(self) -> None:
        deferred.settle()
        self._exporter.clear()
        self._sent.clear()

    def _take(self, scope: bytes, record: bytes) -> None:
        from opentelemetry.proto.trace.v1 import trace_pb2  # programs that import this look at what is loaded

        opened = trace_pb2.ScopeSpans.FromString(scope)
        self._sent.append(_read(opened.scope, opened.schema_url, trace_pb2.Span.FromString(record)))


def _read(scope: InstrumentationScope, schema: str, span: Span) -> ReadableSpan:
    trace_id = int.from_bytes(span.trace_id, "big")

    def context(span_id: bytes, *, remote: bool = False) -> SpanContext:
        state = TraceState.from_header([span.trace_state])
        flags = TraceFlags(3)  # only what is sampled is sent, and ours are random
        return SpanContext(trace_id, int.from_bytes(span_id, "big"), remote, flags, state)

    return ReadableSpan(
        span.name,
        context(span.span_id),
        context(span.parent_span_id, remote=bool(span.flags & 0x200)) if span.parent_span_id else None,
        Resource({}),
        _attributes(span.attributes),
        [Event(event.name, _attributes(event.attributes), event.time_unix_nano) for event in span.events],
        [
            Link(
                SpanContext(int.from_bytes(link.trace_id, "big"), int.from_bytes(link.span_id, "big"), True),
                _attributes(link.attributes),
            )
            for link in span.links
        ],
        SpanKind(span.kind - 1),
        None,
        Status(StatusCode(span.status.code), span.status.message or None),
        span.start_time_unix_nano,
        span.end_time_unix_nano,
        Scope(scope.name, scope.version, schema, _attributes(scope.attributes)),
    )


def _attributes(pairs: Any) -> dict[str, Any]:
    found: dict[str, Any] = {}
    pair: KeyValue
    for pair in pairs:
        # Twice the same key would be a fault that a dictionary hides.
        assert pair.key not in found, pair.key
        found[pair.key] = _value(pair.value)
    return found


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return tuple(_value(one) for one in value.array_value.values)
    return None if kind is None else getattr(value, kind)


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def context_of(span: ReadableSpan) -> SpanContext:
    context = span.get_span_context()
    assert context is not None
    return context


def parent_of(span: ReadableSpan) -> SpanContext:
    assert span.parent is not None
    return span.parent

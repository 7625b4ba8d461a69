"""A tracer provider whose finished spans a test can read."""

from __future__ import annotations

from typing import Any

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanContext, Tracer

from shared.telemetry.trace.provider import TracerProvider as OurProvider


class Recorded:
    """A tracer provider and the spans that ended on it."""

    def __init__(self, *, ours: bool = True) -> None:
        self.provider = OurProvider(resource=Resource.create()) if ours else TracerProvider()
        self._exporter = InMemorySpanExporter()
        self.provider.add_span_processor(SimpleSpanProcessor(self._exporter))

    @property
    def tracer(self) -> Tracer:
        return self.provider.get_tracer("test")

    @property
    def spans(self) -> list[ReadableSpan]:
        return list(self._exporter.get_finished_spans())

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
        self._exporter.clear()


def attributes_of(span: ReadableSpan) -> dict[str, Any]:
    return dict(span.attributes or {})


def context_of(span: ReadableSpan) -> SpanContext:
    context = span.get_span_context()
    assert context is not None
    return context


def parent_of(span: ReadableSpan) -> SpanContext:
    assert span.parent is not None
    return span.parent

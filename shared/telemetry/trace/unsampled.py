"""The span of what is not sampled."""

from __future__ import annotations

from opentelemetry.trace import NonRecordingSpan, SpanContext

from . import ids
from .local import LocalTrace


class Unsampled(NonRecordingSpan):
    """A span that is not recorded: a context to propagate, made when somebody asks, and nothing else."""

    def __init__(self, trace: LocalTrace) -> None:
        self._trace = trace

    def get_span_context(self) -> SpanContext:
        """The identity to propagate, with a span id of its own."""
        context = self.__dict__.get("_context")
        if context is None:
            context = self._context = self._trace.context(ids.span_id())
        return context

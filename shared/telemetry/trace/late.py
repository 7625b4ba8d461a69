"""Tracers that are taken before tracing is set up, as modules do when they are imported."""

from __future__ import annotations

from collections.abc import Sequence

from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind
from opentelemetry.util.types import Attributes

from .current import CurrentSpan


class LateTracer(api.Tracer):
    """Records nothing until there is a global tracer provider; from then on it does what that one's does.

    The API has one of its own, whose `start_as_current_span` is a generator around a generator.

    Args:
        name: of the instrumentation scope.
        version: of the instrumentation scope.
    """

    def __init__(self, name: str, version: str = "") -> None:
        self._name = name
        self._version = version
        self._tracer: api.Tracer | None = None
        self._nothing = api.NoOpTracer()

    def start_span(
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
    ) -> api.Span:
        """See `opentelemetry.trace.Tracer.start_span`."""
        return (self._tracer or self._find()).start_span(
            name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception
        )

    def start_as_current_span(  # type: ignore[override]  # the API names its own generator's class; ours has its methods
        self,
        name: str,
        context: Context | None = None,
        kind: SpanKind = SpanKind.INTERNAL,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        start_time: int | None = None,
        record_exception: bool = True,
        set_status_on_exception: bool = True,
        end_on_exit: bool = True,
    ) -> CurrentSpan:
        """See `opentelemetry.trace.Tracer.start_as_current_span`; a decorator looks at every call."""
        return CurrentSpan(
            self._tracer or self,
            (name, context, kind, attributes, links, start_time, record_exception, set_status_on_exception),
            end_on_exit,
        )

    def _find(self) -> api.Tracer:
        provider = api.get_tracer_provider()
        if isinstance(provider, api.ProxyTracerProvider):
            return self._nothing
        self._tracer = provider.get_tracer(self._name, self._version)
        return self._tracer

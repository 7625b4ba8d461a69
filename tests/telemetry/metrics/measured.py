"""A meter provider whose metrics a test can read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from shared.telemetry.metrics import MeterProvider, Preferences
from shared.telemetry.metrics.manual import ManualReader
from shared.telemetry.metrics.points import Metric, NumberPoint, Point


class Measured:
    """A provider and what one collection of it yields."""

    def __init__(self, preferences: Preferences | None = None, **options: Any) -> None:
        self.reader = ManualReader(preferences)
        self.provider = MeterProvider([self.reader], shutdown_on_exit=False, **options)
        self.meter = self.provider.get_meter("test")

    def collect(self) -> dict[str, Metric]:
        """The metrics by name."""
        return {metric.name: metric for of_scope in self.reader.collect(10) for metric in of_scope.metrics}

    def points(self, name: str) -> Sequence[Point]:
        """The points of one metric, which collects; none when it has nothing to say."""
        metric = self.collect().get(name)
        return metric.points if metric is not None else ()

    def totals(self) -> dict[str, float]:
        """Of one collection: the sum of values, or of counts, of every metric."""
        return {
            name: sum(
                point.value if isinstance(point, NumberPoint) else point.count for point in metric.points
            )
            for name, metric in self.collect().items()
        }

    def values(self, name: str) -> dict[tuple[Any, ...], Any]:
        """Value, or count of a distribution, by attribute values in the order of their keys."""
        return {
            tuple(point.attributes[key] for key in sorted(point.attributes)): getattr(point, "value", None)
            if hasattr(point, "value")
            else point.count
            for point in self.points(name)
        }


def in_trace(trace_id: int = 0xABC, span_id: int = 0xDEF, *, sampled: bool = True) -> Context:
    """A context with a remote span in it."""
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return set_span_in_context(NonRecordingSpan(SpanContext(trace_id, span_id, True, flags)))

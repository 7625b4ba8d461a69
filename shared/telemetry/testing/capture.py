"""What is recorded while a test runs, and the questions a test asks of it."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from threading import Lock
from typing import Any

from opentelemetry.context import Context, attach, get_current
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from .. import config
from ..metrics.manual import ManualReader
from ..metrics.points import Metric, NumberPoint, Point
from ..metrics.views import Preferences
from ..trace.console import tree, walk
from .clock import Clock, SequentialIds, tells_time
from .providers import rehearse


class _Spans(SpanProcessor):
    """Keeps what ends."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._ended: list[ReadableSpan] = []

    def on_end(self, span: ReadableSpan) -> None:
        with self._lock:
            self._ended.append(span)

    def ended(self) -> list[ReadableSpan]:
        with self._lock:
            return list(self._ended)

    def clear(self) -> None:
        with self._lock:
            self._ended.clear()


class _Alone(Preferences):
    """Preferences that equal no others, so that the reader shares no series with another one."""

    __eq__ = object.__eq__
    __hash__ = object.__hash__


class Telemetry:
    """What was recorded since the test began. Printed, it is the traces as trees and the metrics.

    Attributes:
        clock: the time that spans and durations are measured by.
    """

    def __init__(self, spans: _Spans, reader: ManualReader, clock: Clock) -> None:
        self._spans = spans
        self._reader = reader
        self.clock = clock

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans that have ended, in the order of their ends."""
        return self._spans.ended()

    @property
    def names(self) -> list[str]:
        """Their names."""
        return [span.name for span in self.spans]

    def span(self, name: str, attributes: Mapping[str, Any] | None = None) -> ReadableSpan:
        """The one span of this name.

        Args:
            name: its name.
            attributes: which it must have, among others.

        Raises:
            AssertionError: there is none, or more than one; the message shows what was recorded.
        """
        __tracebackhide__ = True
        wanted = (attributes or {}).items()
        found = [
            span for span in self.spans if span.name == name and wanted <= dict(span.attributes or {}).items()
        ]
        if len(found) == 1:
            return found[0]
        what = f"{name!r} with {dict(wanted)}" if wanted else repr(name)
        raise AssertionError(f"{len(found) or 'no'} spans are called {what}; recorded is\n\n{self}")

    def tree(self) -> str:
        """The names of all spans, each indented below its parent, in the order of their starts."""
        return "".join(f"{'  ' * depth}{span.name}\n" for depth, _, span in walk(self.spans))

    def assert_tree(self, expected: str) -> None:
        """Compare the names of all spans with what a test expects.

        Args:
            expected: a name a line, indented by two spaces below its parent; the whole may be indented.

        Raises:
            AssertionError: they differ; the message shows where, and what was recorded.
        """
        __tracebackhide__ = True
        wanted = textwrap.dedent(expected).strip("\n").rstrip() + "\n"
        found = self.tree()
        if wanted.split() == [] == found.split() or wanted == found:
            return
        compared = difflib.ndiff(wanted.splitlines(), found.splitlines())
        # It marks the letters that differ, too, which in short names only distracts.
        difference = "\n".join(line for line in compared if not line.startswith("?"))
        raise AssertionError(
            f"expected (-) and recorded (+) spans differ\n\n{difference}\n\nrecorded is\n\n{self}"
        )

    def metrics(self) -> dict[str, Metric]:
        """The metrics by name, as they stand."""
        return {metric.name: metric for of_scope in self._reader.collect(10) for metric in of_scope.metrics}

    def value(self, name: str, attributes: Mapping[str, Any] | None = None) -> float:
        """The value of one series; of a histogram, how many values it has.

        Args:
            name: of the metric.
            attributes: which the series must have, among others.

        Raises:
            AssertionError: no series matches, or more than one.
        """
        __tracebackhide__ = True
        point = self.point(name, attributes)
        return point.value if isinstance(point, NumberPoint) else point.count

    def point(self, name: str, attributes: Mapping[str, Any] | None = None) -> Point:
        """The point of one series: its sum, buckets, exemplars; arguments and errors are those of `value`."""
        __tracebackhide__ = True
        wanted = (attributes or {}).items()
        metric = self.metrics().get(name)
        points = metric.points if metric is not None else ()
        found = [point for point in points if wanted <= dict(point.attributes).items()]
        if len(found) == 1:
            return found[0]
        what = f"{name} with {dict(wanted)}" if wanted else name
        raise AssertionError(f"{len(found) or 'no'} series are called {what}; recorded is\n\n{self}")

    def clear(self) -> None:
        """Forget the spans so far; metrics go on."""
        self._spans.clear()

    def __str__(self) -> str:
        """The traces as trees with attributes, then the metrics."""
        traces: dict[int, list[ReadableSpan]] = {}
        for span in self.spans:
            context = span.get_span_context()
            traces.setdefault(context.trace_id if context else 0, []).append(span)
        parts = [tree(spans) for spans in traces.values()] or ["no spans\n"]
        return "\n".join([*parts, "".join(sorted(self._series()))]).rstrip() + "\n"

    def _series(self) -> Iterator[str]:
        for metric in self.metrics().values():
            for point in metric.points:
                said = f"{point.value:g}" if isinstance(point, NumberPoint) else f"count {point.count}"
                labels = ", ".join(f"{key}={value!s}" for key, value in point.attributes.items())
                yield f"{metric.name}{{{labels}}} {said}\n"


@contextmanager
def capture() -> Iterator[Telemetry]:
    """Record in memory what happens inside: every trace, whatever the sampler; ids and times repeat.

    Works with tracers and meters taken before, with an application that calls `setup_tracing` and
    `setup_metrics` (before or inside), and without. Afterwards all is as it was, but that the process keeps
    its global providers, which OpenTelemetry lets nobody take back.

    Raises:
        RuntimeError: telemetry is switched off, or another library's provider is in force.
    """
    off = config.disabled()
    if off is not None:
        raise RuntimeError(f"nothing can be captured, because {off}")
    tracing, metering = rehearse()
    spans, reader, clock = _Spans(), ManualReader(_Alone()), Clock()
    before = get_current()
    metering.settle()
    metering.add_metric_reader(reader)
    attach(Context())
    try:
        with tracing.recording_to(spans, SequentialIds()), tells_time(clock):
            yield Telemetry(spans, reader, clock)
    finally:
        attach(before)
        metering.settle()
        metering.remove_metric_reader(reader)

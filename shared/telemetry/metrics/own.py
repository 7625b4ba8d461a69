"""What telemetry says of itself: the conventions' `otel.sdk.*`, and what it costs.

`temponest.telemetry.cpu.time` over `process.cpu.time` is the share of a service's CPU that telemetry takes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from opentelemetry.metrics import CallbackOptions, CallbackT, Meter, Observation

from .. import cost
from ..otlp import exporter as otlp

if TYPE_CHECKING:
    from ..otlp.batch import BatchQueue
    from ..otlp.reply import Outcome
    from ..otlp.request import Signal
    from ..otlp.target import Target

_SIGNALS = {"traces": "span", "metrics": "metric", "logs": "log"}
_QUEUE = {
    "otel.component.type": "batching_span_processor",
    "otel.component.name": "batching_span_processor/0",
}
_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
# Losses before an export; the others are outcomes of one.
_BEFORE_EXPORT = {"queue_full": "queue_full", "shutdown": "already_shutdown"}


Spans = Callable[[], "tuple[BatchQueue, Target] | None"]


def observe_telemetry(meter: Meter, spans: Spans) -> None:
    """Create the instruments that watch telemetry itself.

    Args:
        meter: creates them.
        spans: the queue of ended spans and where it sends them; None while there is none.
    """
    meter.create_observable_counter(
        "temponest.telemetry.cpu.time",
        [_cpu_time],
        "s",
        "CPU time that telemetry took: exact for its threads, estimated from timed calls for the rest.",
    )
    meter.create_observable_up_down_counter(
        "otel.sdk.span.live",
        [lambda _: [Observation(max(0, int(cost.SPANS_STARTED) - int(cost.SPANS_ENDED)))]],
        "{span}",
        "The number of created spans with `recording=true` for which the end operation has not been called"
        " yet.",
    )
    meter.create_observable_up_down_counter(
        "otel.sdk.processor.span.queue.size",
        [_of_queue(spans, _queued)],
        "{span}",
        "The number of spans in the queue of a given instance of an SDK span processor.",
    )
    meter.create_observable_up_down_counter(
        "otel.sdk.processor.span.queue.capacity",
        [_of_queue(spans, _capacity)],
        "{span}",
        "The maximum number of spans the queue of a given instance of an SDK span processor can hold.",
    )
    meter.create_observable_counter(
        "otel.sdk.processor.span.processed",
        [_of_queue(spans, _processed)],
        "{span}",
        "The number of spans for which the processing has finished, either successful or failed.",
    )
    meter.create_observable_counter(
        "otel.sdk.exporter.span.exported",
        [_of_queue(spans, _exported)],
        "{span}",
        "The number of spans for which the export has finished, either successful or failed.",
    )
    otlp.observe = Exports(meter)


def observe_telemetry_no_more() -> None:
    """Let exports go unobserved again."""
    otlp.observe = None


def _cpu_time(_: CallbackOptions) -> Iterable[Observation]:
    for part, seconds in cost.seconds().items():
        yield Observation(seconds, {"temponest.telemetry.part": part})


def _of_queue(spans: Spans, read: Callable[[BatchQueue, Target], Iterable[Observation]]) -> CallbackT:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        found = spans()
        return () if found is None else read(*found)

    return observe


def _queued(queue: BatchQueue, _: Target) -> Iterable[Observation]:
    yield Observation(queue.counts().queued, _QUEUE)


def _capacity(queue: BatchQueue, _: Target) -> Iterable[Observation]:
    yield Observation(queue.capacity, _QUEUE)


def _processed(queue: BatchQueue, _: Target) -> Iterable[Observation]:
    counts = queue.counts()
    lost = {reason: counts.dropped.get(reason, 0) for reason in _BEFORE_EXPORT}
    yield Observation(counts.ended - counts.queued - sum(lost.values()), _QUEUE)
    for reason, count in lost.items():
        if count:
            yield Observation(count, {**_QUEUE, "error.type": _BEFORE_EXPORT[reason]})


def _exported(queue: BatchQueue, target: Target) -> Iterable[Observation]:
    counts, exporter = queue.counts(), _exporter(target, "span")
    yield Observation(counts.exported, exporter)
    for reason, count in counts.dropped.items():
        if count and reason not in _BEFORE_EXPORT:
            yield Observation(count, {**exporter, "error.type": reason})


def _exporter(target: Target, what: str) -> dict[str, str | int]:
    kind = f"otlp_{'grpc' if target.protocol == 'grpc' else 'http'}_{what}_exporter"
    return {
        "otel.component.type": kind,
        "otel.component.name": f"{kind}/0",
        "server.address": target.host,
        "server.port": target.port,
    }


class Exports:
    """Measures every export by OTLP: how long with all its attempts, and how many bytes."""

    def __init__(self, meter: Meter) -> None:
        self._duration = meter.create_histogram(
            "otel.sdk.exporter.operation.duration",
            "s",
            "The duration of exporting a batch of telemetry records.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._bytes = meter.create_counter(
            "temponest.telemetry.export.io", "By", "Bytes of export requests, before compression."
        )

    def __call__(self, target: Target, signal: Signal, size: int, seconds: float, outcome: Outcome) -> None:
        """Take one export."""
        attributes = _exporter(target, _SIGNALS[signal])
        self._bytes.add(size, attributes)
        if not outcome.ok:
            attributes["error.type"] = outcome.reason or "error"
        elif outcome.rejected:
            attributes["error.type"] = "rejected"
        self._duration.record(seconds, attributes)

"""Telemetry tells of itself: spans, exports, and what it costs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from shared.telemetry import cost
from shared.telemetry.config import Batching
from shared.telemetry.metrics.own import observe_telemetry, observe_telemetry_no_more
from shared.telemetry.metrics.points import HistogramPoint, NumberPoint
from shared.telemetry.otlp.batch import BatchQueue
from shared.telemetry.otlp.exporter import Exporter
from shared.telemetry.otlp.reply import Outcome
from shared.telemetry.otlp.request import Signal
from shared.telemetry.otlp.target import Target
from shared.telemetry.trace.provider import TracerProvider
from tests.telemetry.metrics.measured import Measured

TARGET = Target.from_environment(Signal.TRACES, "http://collector.example:4317")


class Answering:
    """A transport that answers as told."""

    def __init__(self) -> None:
        self.outcome = Outcome(ok=True)

    def send(self, body: bytes, deadline: float) -> Outcome:
        del body, deadline
        return self.outcome

    def close(self) -> None:
        pass


@pytest.fixture
def watched() -> Iterator[SimpleNamespace]:
    transport = Answering()
    exporter = Exporter(TARGET, lambda _: transport)
    queue = BatchQueue(Signal.TRACES, exporter, lambda: b"", Batching(delay=3600, capacity=3, size=3))
    measured = Measured()
    observe_telemetry(measured.meter, lambda: (queue, TARGET))
    yield SimpleNamespace(measured=measured, queue=queue, transport=transport)
    observe_telemetry_no_more()
    queue.shutdown(1)


def by_error(measured: Measured, name: str) -> dict[Any, float]:
    return {
        point.attributes.get("error.type"): point.value
        for point in measured.points(name)
        if isinstance(point, NumberPoint)
    }


def test_spans_are_seen_queued_and_lost_to_a_full_queue(watched: Any) -> None:
    with watched.queue._exporting:
        for _ in range(5):
            watched.queue.put(b"", b"record")
        processed = by_error(watched.measured, "otel.sdk.processor.span.processed")
        (size,) = watched.measured.points("otel.sdk.processor.span.queue.size")
    assert processed == {None: 0, "queue_full": 2}
    assert size.value == 3
    (capacity,) = watched.measured.points("otel.sdk.processor.span.queue.capacity")
    assert capacity.value == 3


def test_exports_are_counted_by_outcome_and_timed(watched: Any) -> None:
    watched.queue.put(b"", b"record")
    assert watched.queue.flush(5)
    watched.transport.outcome = Outcome(ok=False, reason="refused")
    watched.queue.put(b"", b"record")
    watched.queue.flush(5)
    assert by_error(watched.measured, "otel.sdk.exporter.span.exported") == {None: 1, "refused": 1}
    durations = {
        point.attributes.get("error.type"): point
        for point in watched.measured.points("otel.sdk.exporter.operation.duration")
    }
    assert set(durations) == {None, "refused"}
    taken = durations[None]
    assert isinstance(taken, HistogramPoint)
    assert taken.count == 1
    assert taken.attributes["otel.component.type"] == "otlp_grpc_span_exporter"
    assert taken.attributes["server.address"] == "collector.example"
    assert sum(watched.measured.values("temponest.telemetry.export.io").values()) > 2 * len(b"record")


def test_a_span_is_live_until_it_ends(watched: Any) -> None:
    tracer = TracerProvider().get_tracer("test")
    before = watched.measured.values("otel.sdk.span.live")[()]
    span = tracer.start_span("work")
    assert watched.measured.values("otel.sdk.span.live")[()] == before + 1
    span.end()
    assert watched.measured.values("otel.sdk.span.live")[()] == before


def test_the_tally_loses_nothing_between_threads() -> None:
    tally = cost.Tally()
    threads = [threading.Thread(target=lambda: [tally.add() for _ in range(10_000)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert int(tally) == 40_000


def burn(seconds: float) -> None:
    until = time.thread_time() + seconds
    while time.thread_time() < until:
        pass


def test_the_estimate_of_a_section_is_near_to_what_it_took() -> None:
    section = cost.Section("test")
    began = time.thread_time()
    for _ in range(5 * cost.EVERY):
        timed = section.begin()
        burn(0.0001)
        if timed:
            section.add(timed)
    assert section.seconds() == pytest.approx(time.thread_time() - began, rel=0.25)


def test_the_cost_is_told_by_part(watched: Any) -> None:
    cost.exported("test")
    assert set(watched.measured.values("temponest.telemetry.cpu.time")) == {
        ("server",),
        ("metrics",),
        ("asyncpg",),
        ("httpx",),
        ("redis",),
        ("requests",),
        ("custom",),
        ("deferred",),
        ("export",),
    }
    assert watched.measured.values("temponest.telemetry.cpu.time")["export",] > 0

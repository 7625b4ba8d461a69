"""Whoever sets the machine's clock while a request runs changes nothing about how long anything took."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator

import httpx
import pytest
import redis.asyncio
from fastapi import FastAPI

from shared.telemetry.instrument import instrument_all
from shared.telemetry.instrument.asgi import MetricsMiddleware, TracingMiddleware
from shared.telemetry.instrument.durations import measure_clients, measure_no_clients
from shared.telemetry.metrics.points import HistogramPoint
from shared.telemetry.trace.local import lead
from tests.telemetry.instrument.recorded import Recorded
from tests.telemetry.metrics.measured import Measured

HOUR = 3600 * 10**9
DURATIONS = ("http.server.request.duration", "http.client.request.duration", "db.client.operation.duration")


class WallClock:
    """The machine's clock, which somebody sets."""

    def __init__(self) -> None:
        self.step = 0

    def time_ns(self) -> int:
        return _time_ns() + self.step


_time_ns = time.time_ns


@pytest.fixture
def wall(monkeypatch: pytest.MonkeyPatch) -> Iterator[WallClock]:
    wall = WallClock()
    lead.until = 0
    monkeypatch.setattr(time, "time_ns", wall.time_ns)
    for name, module in list(sys.modules.items()):
        if name.startswith("shared.telemetry") and hasattr(module, "time_ns"):
            monkeypatch.setattr(module, "time_ns", wall.time_ns)
    yield wall
    lead.until = 0


@pytest.fixture
def measured(recorded: Recorded) -> Iterator[Measured]:
    measured = Measured()
    instrument_all(disabled=(), tracer_provider=recorded.provider)
    measure_clients(measured.provider)
    yield measured
    measure_no_clients()


@pytest.mark.parametrize("step", [HOUR, -HOUR])
async def test_spans_and_durations_are_those_of_a_clock_that_nobody_sets(
    step: int, wall: WallClock, recorded: Recorded, measured: Measured, valkey_url: str
) -> None:
    app = FastAPI()
    app.add_middleware(TracingMiddleware, tracer_provider=recorded.provider)
    app.add_middleware(MetricsMiddleware, meter_provider=measured.provider)
    store = redis.asyncio.from_url(valkey_url)

    @app.get("/")
    async def root() -> None:
        wall.step += step
        await store.set("key", "value")
        with recorded.tracer.start_as_current_span("own") as own:
            own.add_event("set")

    before = wall.time_ns()
    try:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            await client.get("/")
    finally:
        await store.aclose()
    outer, inner = (recorded.named(name) for name in ("GET", "GET /"))
    times = [outer.start_time, inner.start_time, inner.end_time, outer.end_time]
    assert times == sorted(times, key=lambda one: one or 0)
    assert 0 <= (outer.start_time or 0) - before < HOUR
    assert all(0 <= (span.end_time or 0) - (span.start_time or 0) < HOUR for span in recorded.spans)
    for name in DURATIONS:
        (point,) = (point for point in measured.points(name) if isinstance(point, HistogramPoint))
        assert 0 < point.sum < HOUR / 1e9, name


@pytest.mark.parametrize("step", [HOUR, -HOUR])
def test_what_is_below_a_span_is_timed_inside_of_it(step: int, wall: WallClock) -> None:
    recorded = Recorded()
    with recorded.tracer.start_as_current_span("above"):
        wall.step += step
        with recorded.tracer.start_as_current_span("below") as below:
            wall.step += step
            below.add_event("event")
    below_, above = recorded.spans
    times = [above.start_time, below_.start_time, below_.events[0].timestamp, below_.end_time, above.end_time]
    assert times == sorted(times, key=lambda one: one or 0)


def test_a_trace_that_begins_after_a_step_has_the_new_time_of_the_day(wall: WallClock) -> None:
    recorded = Recorded()
    recorded.tracer.start_span("before").end()
    wall.step = HOUR
    lead.until = 0
    recorded.tracer.start_span("after").end()
    before, after = recorded.spans
    assert (after.start_time or 0) - (before.end_time or 0) >= HOUR


def test_times_that_are_given_are_kept_to_the_nanosecond(recorded: Recorded) -> None:
    span = recorded.tracer.start_span("given", start_time=1_700_000_000_000_000_001)
    span.end(1_700_000_000_000_000_003)
    only = recorded.only()
    assert (only.start_time, only.end_time) == (1_700_000_000_000_000_001, 1_700_000_000_000_000_003)

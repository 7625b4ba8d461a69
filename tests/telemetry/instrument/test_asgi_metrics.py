"""The metrics middleware on FastAPI applications, called in process, with and without tracing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from fastapi import BackgroundTasks, FastAPI, HTTPException, Request
from fastapi.responses import StreamingResponse
from opentelemetry.sdk.metrics import MeterProvider as SdkMeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from shared.telemetry.instrument.asgi import MetricsMiddleware, TracingMiddleware
from shared.telemetry.metrics import preferences
from shared.telemetry.metrics.points import HistogramPoint
from tests.telemetry.instrument.recorded import Recorded
from tests.telemetry.metrics.measured import Measured

DURATION = "http.server.request.duration"
ACTIVE = "http.server.active_requests"
Measure = Callable[..., None]


@pytest.fixture
def measured() -> Measured:
    return Measured()


@pytest.fixture(params=["alone", "inside of tracing", "outside of tracing"])
def measure(request: pytest.FixtureRequest, measured: Measured, recorded: Recorded) -> Measure:
    """Adds the middlewares to an application, in one of the orders there are."""

    def add(app: FastAPI, **options: Any) -> None:
        def trace() -> None:
            app.add_middleware(TracingMiddleware, tracer_provider=recorded.provider)

        if request.param == "outside of tracing":
            trace()
        app.add_middleware(
            MetricsMiddleware, service_name="test", meter_provider=measured.provider, **options
        )
        if request.param == "inside of tracing":
            trace()

    return add


@pytest.fixture
def app(measure: Measure) -> FastAPI:
    app = FastAPI()
    measure(app)

    @app.get("/users/{user_id}")
    async def user(user_id: int) -> int:
        return user_id

    @app.get("/fails")
    async def fails() -> None:
        raise ValueError("no good")

    @app.get("/unavailable")
    async def unavailable() -> None:
        raise HTTPException(503)

    return app


def client_of(app: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://shop.example")


def idle(measured: Measured) -> bool:
    return set(measured.values(ACTIVE).values()) <= {0}


async def test_a_request_is_counted_by_method_route_and_status_and_never_by_path(
    app: FastAPI, measured: Measured
) -> None:
    async with client_of(app) as client:
        for number in range(3):
            await client.get(f"/users/{number}")
    (point,) = measured.points(DURATION)
    assert isinstance(point, HistogramPoint)
    assert point.count == 3
    assert dict(point.attributes) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/users/{user_id}",
        "network.protocol.version": "1.1",
        "url.scheme": "http",
    }
    assert point.explicit_bounds[:2] == (0.005, 0.01)


async def test_unmatched_paths_and_unknown_methods_make_one_series_each(
    app: FastAPI, measured: Measured
) -> None:
    async with client_of(app) as client:
        for number in range(3):
            await client.get(f"/nothing/{number}")
            await client.request(f"BREW{number}", "/users/1")
    assert set(measured.values(DURATION)) == {
        ("GET", 404, "1.1", "http"),
        ("_OTHER", 405, "/users/{user_id}", "1.1", "http"),
    }


@pytest.mark.parametrize(
    ("path", "status", "error"), [("/fails", 500, "ValueError"), ("/unavailable", 503, "503")]
)
async def test_a_failed_request_has_its_error_type_and_is_no_longer_active(
    app: FastAPI, measured: Measured, path: str, status: int, error: str
) -> None:
    async with client_of(app) as client:
        await client.get(path)
    assert list(measured.values(DURATION)) == [(error, "GET", status, path, "1.1", "http")]
    assert idle(measured)


async def test_requests_are_active_while_they_are_answered(measure: Measure, measured: Measured) -> None:
    app = FastAPI()
    measure(app)
    seen: list[Any] = []

    @app.get("/")
    async def root() -> None:
        seen.append(measured.values(ACTIVE))

    async with client_of(app) as client:
        await client.get("/")
    assert seen == [{("GET", "http"): 1}]
    assert idle(measured)


async def test_a_cancelled_request_is_no_longer_active(measure: Measure, measured: Measured) -> None:
    app = FastAPI()
    measure(app)
    waiting = asyncio.Event()

    @app.get("/")
    async def root() -> None:
        waiting.set()
        await asyncio.Event().wait()

    async with client_of(app) as client:
        task = asyncio.create_task(client.get("/"))
        await waiting.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert idle(measured)
    ((key, count),) = measured.values(DURATION).items()
    assert key[0] == "asyncio.exceptions.CancelledError"
    assert count == 1


async def test_a_stream_that_breaks_off_is_no_longer_active(measure: Measure, measured: Measured) -> None:
    app = FastAPI()
    measure(app)

    async def parts() -> AsyncIterator[bytes]:
        yield b"first"
        raise OSError("disk gone")

    @app.get("/")
    async def root() -> StreamingResponse:
        return StreamingResponse(parts())

    async with client_of(app) as client:
        await client.get("/")
    assert idle(measured)
    assert list(measured.values(DURATION)) == [("OSError", "GET", 200, "/", "1.1", "http")]


async def test_background_tasks_are_no_part_of_the_request(measure: Measure, measured: Measured) -> None:
    app = FastAPI()
    measure(app)
    seen: list[Any] = []

    @app.get("/")
    async def root(tasks: BackgroundTasks) -> None:
        tasks.add_task(lambda: seen.append((idle(measured), measured.values(DURATION))))

    async with client_of(app) as client:
        await client.get("/")
    assert seen == [(True, {("GET", 200, "/", "1.1", "http"): 1})]


async def test_interleaved_requests_are_told_apart(measure: Measure, measured: Measured) -> None:
    app = FastAPI()
    measure(app, body_sizes=True)
    both = asyncio.Barrier(2)

    @app.post("/{size}")
    async def root(size: int, request: Request) -> StreamingResponse:
        await request.body()
        await both.wait()

        async def parts() -> AsyncIterator[bytes]:
            yield b"x" * size
            await both.wait()
            yield b"x" * size

        return StreamingResponse(parts(), status_code=200 + size)

    async with client_of(app) as client:
        await asyncio.gather(client.post("/1", content=b"abc"), client.post("/2", content=b"abcde"))
    sums = {
        name: {
            point.attributes["http.response.status_code"]: point.sum
            for point in measured.points(f"http.server.{name}.body.size")
            if isinstance(point, HistogramPoint)
        }
        for name in ("request", "response")
    }
    assert sums == {"request": {201: 3, 202: 5}, "response": {201: 2, 202: 4}}


@pytest.mark.parametrize(("length", "size"), [("13", 13), ("thirteen", 0), ("1" * 5000, 0)])
async def test_a_body_that_nobody_reads_has_the_size_that_its_header_announces(
    length: str, size: int, measure: Measure, measured: Measured
) -> None:
    app = FastAPI()
    measure(app, body_sizes=True)

    @app.post("/")
    async def root() -> None:
        pass

    async with client_of(app) as client:
        await client.post("/", content=b"", headers={"content-length": length})
    (point,) = measured.points("http.server.request.body.size")
    assert isinstance(point, HistogramPoint)
    assert point.sum == size


async def test_an_excluded_path_is_not_measured(app: FastAPI, measured: Measured) -> None:
    async with client_of(app) as client:
        await client.get("/health")
    assert measured.collect() == {}


async def test_the_duration_is_the_spans_and_its_exemplar_leads_to_the_trace(
    measured: Measured, recorded: Recorded
) -> None:
    app = FastAPI()
    app.add_middleware(TracingMiddleware, tracer_provider=recorded.provider)
    app.add_middleware(MetricsMiddleware, meter_provider=measured.provider)
    async with client_of(app) as client:
        await client.get("/")
    span = recorded.only()
    (point,) = measured.points(DURATION)
    assert isinstance(point, HistogramPoint)
    assert span.end_time is not None
    assert span.start_time is not None
    assert point.sum == (span.end_time - span.start_time) / 1e9
    (exemplar,) = point.exemplars
    assert span.context is not None
    assert (exemplar.trace_id, exemplar.span_id) == (span.context.trace_id, span.context.span_id)


async def test_delta_temporality_counts_each_interval_by_itself(recorded: Recorded) -> None:
    measured = Measured(preferences("delta"))
    app = FastAPI()
    app.add_middleware(MetricsMiddleware, meter_provider=measured.provider)
    app.add_middleware(TracingMiddleware, tracer_provider=recorded.provider)
    async with client_of(app) as client:
        for requests in (1, 2, 0, 3):
            for _ in range(requests):
                await client.get("/")
            assert sum(measured.values(DURATION).values()) == requests


async def test_the_official_provider_is_recorded_into_as_well() -> None:
    reader = InMemoryMetricReader()
    app = FastAPI()
    app.add_middleware(MetricsMiddleware, meter_provider=SdkMeterProvider([reader], shutdown_on_exit=False))
    async with client_of(app) as client:
        await client.get("/")
    data = reader.get_metrics_data()
    assert data is not None
    names = {metric.name for metric in data.resource_metrics[0].scope_metrics[0].metrics}
    assert names == {DURATION, ACTIVE}


async def test_with_telemetry_off_nothing_is_measured(
    monkeypatch: pytest.MonkeyPatch, measured: Measured
) -> None:
    monkeypatch.setenv("TELEMETRY_ENABLED", "false")
    app = FastAPI()
    app.add_middleware(MetricsMiddleware, meter_provider=measured.provider)
    async with client_of(app) as client:
        await client.get("/")
    assert measured.collect() == {}


async def test_two_middlewares_measure_a_request_once(measured: Measured) -> None:
    app = FastAPI()
    app.add_middleware(MetricsMiddleware, meter_provider=measured.provider)
    app.add_middleware(MetricsMiddleware, meter_provider=measured.provider)
    async with client_of(app) as client:
        await client.get("/")
    assert sum(measured.values(DURATION).values()) == 1

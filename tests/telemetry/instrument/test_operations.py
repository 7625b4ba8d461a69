"""Below a span, an operation's span is made when it is sent, and is the one it would have been at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import asyncpg
import pytest
import redis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode, get_current_span

from shared.telemetry import cost, deferred
from shared.telemetry.instrument import asyncpg as asyncpg_instrumentation
from shared.telemetry.instrument import client as of_clients
from shared.telemetry.instrument import redis as redis_instrumentation
from shared.telemetry.instrument.asgi import MetricsMiddleware, TracingMiddleware
from shared.telemetry.instrument.durations import measure_clients, measure_no_clients
from shared.telemetry.instrument.propagation import unsampled
from shared.telemetry.metrics.points import HistogramPoint
from shared.telemetry.trace.provider import TracerProvider
from tests.telemetry.instrument.recorded import Recorded, attributes_of, context_of, parent_of
from tests.telemetry.metrics.measured import Measured


@pytest.fixture
def client(valkey_url: str, recorded: Recorded) -> Iterator[Any]:
    redis_instrumentation.instrument(tracer_provider=recorded.provider)
    with redis.Redis.from_url(valkey_url) as client:
        client.ping()
        recorded.clear()
        yield client


def leaves(recorded: Recorded) -> bool:
    """Whether spans of operations are made when they are sent."""
    if not isinstance(recorded.provider, TracerProvider):
        return False
    tracer: Any = recorded.provider.get_tracer("shared.telemetry.instrument.redis")
    return bool(tracer.leaves)


def same(one: ReadableSpan, other: ReadableSpan) -> bool:
    def facts(span: ReadableSpan) -> Any:
        return span.name, span.kind, attributes_of(span), span.status.status_code, span.instrumentation_scope

    return bool(facts(one) == facts(other))


def test_a_command_below_a_span_is_described_like_one_by_itself(client: Any, recorded: Recorded) -> None:
    client.set("key", "value")
    alone = recorded.only()
    recorded.clear()
    with recorded.tracer.start_as_current_span("above") as above:
        client.set("key", "value")
        if leaves(recorded):
            assert len(deferred._waiting) == 1
    below = recorded.named("SET")
    assert same(alone, below)
    assert parent_of(below).span_id == above.get_span_context().span_id
    assert context_of(below).trace_id == above.get_span_context().trace_id
    outer = recorded.named("above")
    assert (
        (outer.start_time or 0) <= (below.start_time or 0) <= (below.end_time or 0) <= (outer.end_time or 0)
    )


async def test_a_statement_below_a_span_is_described_like_one_by_itself(
    recorded: Recorded, postgres_url: str
) -> None:
    asyncpg_instrumentation.instrument(tracer_provider=recorded.provider)
    connection = await asyncpg.connect(postgres_url)
    assert await connection.fetchval("SELECT relname FROM pg_class WHERE relname = $1", "pg_class")
    alone = recorded.only()
    recorded.clear()
    with recorded.tracer.start_as_current_span("above") as above:
        await connection.fetchval("SELECT relname FROM pg_class WHERE relname = $1", "pg_class")
    await connection.close()
    below = recorded.named("SELECT pg_class")
    assert same(alone, below)
    assert parent_of(below).span_id == above.get_span_context().span_id


def test_a_command_that_fails_below_a_span_tells_why(client: Any, recorded: Recorded) -> None:
    client.set("text", "value")
    recorded.clear()
    before = int(cost.SPANS_STARTED) - int(cost.SPANS_ENDED)
    with recorded.tracer.start_as_current_span("above") as above, pytest.raises(redis.ResponseError):
        client.lpush("text", "other")
    span = recorded.named("LPUSH")
    assert span.status.status_code is StatusCode.ERROR
    assert attributes_of(span)["error.type"] == "WRONGTYPE"
    assert [event.name for event in span.events] == ["exception"]
    assert parent_of(span).span_id == above.get_span_context().span_id
    assert int(cost.SPANS_STARTED) - int(cost.SPANS_ENDED) == before


def test_a_suppressed_command_below_a_span_is_none(client: Any, recorded: Recorded) -> None:
    with recorded.tracer.start_as_current_span("above"):
        token = attach(of_clients.suppressing())
        client.ping()
        detach(token)
    assert recorded.names == ["above"]


def test_below_what_is_not_sampled_there_is_no_span(client: Any, recorded: Recorded) -> None:
    token = attach(unsampled())
    with recorded.tracer.start_as_current_span("above") as above:
        assert not above.get_span_context().trace_flags.sampled
        assert client.ping()
    detach(token)
    assert recorded.names == []


def test_a_duration_leads_to_the_span_that_called(client: Any, recorded: Recorded) -> None:
    measured = Measured()
    measure_clients(measured.provider)
    try:
        with recorded.tracer.start_as_current_span("above") as above:
            client.ping()
        (point,) = measured.points("db.client.operation.duration")
    finally:
        measure_no_clients()
    assert isinstance(point, HistogramPoint)
    assert point.count == 1
    assert [exemplar.span_id for exemplar in point.exemplars] == [above.get_span_context().span_id]


# -- the span of a request ---------------------------------------------------------------------------------

Handler = Callable[[], object]


def served(recorded: Recorded, handler: Handler, *, measured: Measured | None = None) -> ReadableSpan:
    app = FastAPI()
    app.add_middleware(TracingMiddleware, tracer_provider=recorded.provider)
    if measured is not None:
        app.add_middleware(MetricsMiddleware, meter_provider=measured.provider)

    @app.get("/orders/{number}")
    async def order(number: int) -> dict[str, int]:
        handler()
        return {"number": number}

    TestClient(app).get("/orders/7?token=secret")
    return recorded.only()


def test_attributes_that_a_handler_reads_are_those_that_are_sent(recorded: Recorded) -> None:
    def nothing() -> None: ...

    expected = attributes_of(served(recorded, nothing))
    recorded.clear()
    seen: list[Any] = []
    span = served(recorded, lambda: seen.append(dict(getattr(get_current_span(), "attributes", {}))))
    assert attributes_of(span) == expected
    assert seen[0].items() <= expected.items()
    assert seen[0]["url.path"] == "/orders/7"
    assert "http.route" not in seen[0]


def test_what_a_handler_sets_wins_and_stands_once(recorded: Recorded) -> None:
    def sets() -> None:
        span = get_current_span()
        span.set_attributes({"url.path": "/other", "http.request.method": "BREW", "shop.id": 3})
        span.update_name("brew")

    span = served(recorded, sets)
    found = attributes_of(span)
    assert (found["url.path"], found["http.request.method"], found["shop.id"]) == ("/other", "BREW", 3)
    assert (span.name, found["http.route"]) == ("brew", "/orders/{number}")


def test_many_attributes_of_a_handler_stay_within_the_limit(recorded: Recorded) -> None:
    span = served(recorded, lambda: get_current_span().set_attributes({f"k{n}": n for n in range(2000)}))
    found = attributes_of(span)
    assert found["k1999"] == 1999
    assert len(found) <= 1024


def test_both_middlewares_together_measure_a_request_once_with_its_trace(recorded: Recorded) -> None:
    measured = Measured()
    span = served(recorded, lambda: None, measured=measured)
    (point,) = measured.points("http.server.request.duration")
    assert isinstance(point, HistogramPoint)
    assert point.count == 1
    assert point.attributes["http.route"] == "/orders/{number}"
    assert point.sum == pytest.approx(((span.end_time or 0) - (span.start_time or 0)) / 1e9)
    assert [exemplar.span_id for exemplar in point.exemplars] == [context_of(span).span_id]
    assert list(measured.values("http.server.active_requests").values()) == [0]

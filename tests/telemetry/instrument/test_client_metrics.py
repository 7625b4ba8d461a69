"""Durations of client operations and use of pools, against real servers."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, ClassVar

import asyncpg
import httpx
import pytest
import redis.asyncio
import requests

from shared.telemetry.instrument import instrument_all, pools
from shared.telemetry.instrument.durations import measure_clients, measure_no_clients
from shared.telemetry.metrics.points import HistogramPoint, Metric, NumberPoint
from tests.telemetry.instrument.recorded import Recorded
from tests.telemetry.metrics.measured import Measured

HTTP = "http.client.request.duration"
DATABASE = "db.client.operation.duration"


@pytest.fixture
def measured(recorded: Recorded) -> Iterator[Measured]:
    measured = Measured()
    instrument_all(disabled=(), tracer_provider=recorded.provider)
    measure_clients(measured.provider)
    pools.measure_pools(measured.provider)
    yield measured
    measure_no_clients()
    pools.measure_no_pools()


class Answers(BaseHTTPRequestHandler):
    """Answers with the status that the path names."""

    def do_GET(self) -> None:
        self.send_response(int(self.path.strip("/").partition("?")[0]))
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def server() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


def numbers(metric: Metric) -> list[float]:
    return [point.value for point in metric.points if isinstance(point, NumberPoint)]


def by_state(collected: dict[str, Metric]) -> dict[Any, float]:
    count = collected["db.client.connection.count"]
    states = [point.attributes["db.client.connection.state"] for point in count.points]
    return dict(zip(states, numbers(count), strict=True))


def only(measured: Measured, name: str) -> HistogramPoint:
    (point,) = measured.points(name)
    assert isinstance(point, HistogramPoint)
    return point


async def test_httpx_requests_are_measured_by_host_method_and_status(measured: Measured, server: int) -> None:
    async with httpx.AsyncClient() as client:
        for _ in range(2):
            await client.get(f"http://127.0.0.1:{server}/204?secret=1")
    point = only(measured, HTTP)
    assert point.count == 2
    assert dict(point.attributes) == {
        "http.request.method": "GET",
        "server.address": "127.0.0.1",
        "server.port": server,
        "http.response.status_code": 204,
        "network.protocol.version": "1.0",
    }


def test_an_answer_that_is_an_error_has_its_status_as_error_type(measured: Measured, server: int) -> None:
    requests.get(f"http://127.0.0.1:{server}/503", timeout=5)
    assert only(measured, HTTP).attributes["error.type"] == "503"


async def test_a_request_without_an_answer_has_its_exception_as_error_type(measured: Measured) -> None:
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("http://127.0.0.1:1/")
    attributes = only(measured, HTTP).attributes
    assert attributes["error.type"] == "httpx.ConnectError"
    assert "http.response.status_code" not in attributes


async def test_statements_are_measured_by_operation_and_table_without_their_text(
    measured: Measured, postgres_url: str
) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        for name in ("pg_class", "pg_type"):
            await connection.fetchval("SELECT count(*) FROM pg_class WHERE relname = $1", name)
    finally:
        await connection.close()
    point = only(measured, DATABASE)
    assert point.count == 2
    assert "db.query.text" not in point.attributes
    assert point.attributes["db.system.name"] == "postgresql"
    assert point.attributes["db.operation.name"] == "SELECT"
    assert point.explicit_bounds[0] == 0.001


async def test_commands_are_measured_and_their_failures_told(measured: Measured, valkey_url: str) -> None:
    client = redis.asyncio.from_url(valkey_url)
    try:
        await client.set("key", "value")
        with pytest.raises(redis.ResponseError):
            await client.lpush("key", "value")
    finally:
        await client.aclose()
    by_operation = {point.attributes["db.operation.name"]: point for point in measured.points(DATABASE)}
    assert by_operation["LPUSH"].attributes["error.type"] == "WRONGTYPE"
    assert "error.type" not in by_operation["SET"].attributes


async def test_a_pool_of_asyncpg_is_seen_in_use_and_idle(measured: Measured, postgres_url: str) -> None:
    pool = await asyncpg.create_pool(postgres_url, min_size=2, max_size=5)
    try:
        async with pool.acquire():
            collected = measured.collect()
    finally:
        await pool.close()
    assert by_state(collected) == {"used": 1, "idle": 1}
    assert numbers(collected["db.client.connection.max"]) == [5]
    assert numbers(collected["db.client.connection.idle.min"]) == [2]
    name = collected["db.client.connection.max"].points[0].attributes["db.client.connection.pool.name"]
    assert isinstance(name, str)
    assert name.endswith("/postgres")


async def test_a_pool_of_redis_is_seen_and_ends_with_its_client(measured: Measured, valkey_url: str) -> None:
    client = redis.asyncio.from_url(valkey_url, max_connections=7)
    await client.ping()
    collected = measured.collect()
    await client.aclose()
    assert by_state(collected) == {"used": 0, "idle": 1}
    assert numbers(collected["db.client.connection.max"]) == [7]


class PoolBefore7:
    """What redis 5 and 6 have of a pool."""

    max_connections = 7
    connection_kwargs: ClassVar = {"host": "cache"}
    _in_use_connections: ClassVar = {"one"}
    _available_connections: ClassVar = ["two", "three"]


class BlockingPoolBefore7:
    """The same of a pool that waits for a free connection."""

    max_connections = 4
    connection_kwargs: ClassVar = {"host": "cache"}
    _connections: ClassVar = ["one", "two", "three"]

    def __init__(self) -> None:
        self.pool = queue.LifoQueue[str | None](4)
        for place in (None, "one", "two"):
            self.pool.put(place)


@pytest.mark.parametrize("pool", [PoolBefore7(), BlockingPoolBefore7()])
def test_a_pool_of_an_older_redis_is_seen(pool: object, measured: Measured) -> None:
    pools._redis_pools.add(pool)
    assert by_state(measured.collect()) == {"used": 1, "idle": 2}

"""A fault of ours is told once and reaches nobody: each part is broken on purpose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx
import pytest
import redis
import requests
from fastapi import FastAPI

from shared.telemetry import deferred
from shared.telemetry.instrument import asyncpg as asyncpg_instrumentation
from shared.telemetry.instrument import httpx as httpx_instrumentation
from shared.telemetry.instrument import operations, sql
from shared.telemetry.instrument import redis as redis_instrumentation
from shared.telemetry.instrument import requests as requests_instrumentation
from shared.telemetry.instrument.asgi import TracingMiddleware, tracing
from shared.telemetry.instrument.asgi.attributes import RequestAttributes, Shape
from shared.telemetry.instrument.http_client import HTTPClient, Target
from tests.telemetry.instrument.echo import echo_server
from tests.telemetry.instrument.recorded import Recorded

Told = list[str]


def breaks(*_: Any, **__: Any) -> Any:
    raise RuntimeError("a fault of ours")


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> Told:
    """What was reported; without this, internal errors are raised under tests."""
    places: Told = []
    for module in (
        deferred,
        httpx_instrumentation,
        operations,
        requests_instrumentation,
        tracing,
    ):
        monkeypatch.setattr(module, "report", lambda error, where: places.append(f"{where}: {error}"))
    return places


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with echo_server() as address:
        yield address


@pytest.mark.parametrize(
    ("owner", "name", "place"),
    [
        (RequestAttributes, "__call__", "tracing a request"),
        (Shape, "end", "ending a request's span"),
    ],
)
async def test_of_the_middleware(
    recorded: Recorded, told: Told, monkeypatch: pytest.MonkeyPatch, owner: type, name: str, place: str
) -> None:
    app = FastAPI()
    app.add_middleware(TracingMiddleware, tracer_provider=recorded.provider)

    @app.get("/")
    async def root() -> str:
        return "served"

    monkeypatch.setattr(owner, name, breaks)
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://shop.example"
    ) as client:
        assert (await client.get("/")).json() == "served"
    _ = recorded.spans
    # What nobody looks at before it is sent is described when it is encoded.
    later = "deferred work of telemetry: a fault of ours"
    assert told in ([f"{place}: a fault of ours"], [later])


@pytest.mark.parametrize(("owner", "name"), [(HTTPClient, "target"), (Target, "answer")])
def test_of_the_http_clients(
    recorded: Recorded, told: Told, monkeypatch: pytest.MonkeyPatch, server: str, owner: type, name: str
) -> None:
    httpx_instrumentation.instrument(tracer_provider=recorded.provider)
    requests_instrumentation.instrument(tracer_provider=recorded.provider)
    monkeypatch.setattr(owner, name, breaks)
    assert httpx.get(server).status_code == 200
    assert requests.get(server, timeout=5).status_code == 200
    _ = recorded.spans
    assert len(told) == 2


async def test_of_asyncpg(
    recorded: Recorded, told: Told, monkeypatch: pytest.MonkeyPatch, postgres_url: str
) -> None:
    asyncpg_instrumentation.instrument(tracer_provider=recorded.provider)
    monkeypatch.setattr(sql, "describe", breaks)
    connection = await asyncpg.connect(postgres_url)
    assert await connection.fetchval("SELECT 1") == 1
    assert await (await connection.prepare("SELECT 2")).fetchval() == 2
    await connection.close()
    assert set(told) == {"tracing a database operation: a fault of ours"}


def test_of_redis(recorded: Recorded, told: Told, monkeypatch: pytest.MonkeyPatch, valkey_url: str) -> None:
    redis_instrumentation.instrument(tracer_provider=recorded.provider)
    monkeypatch.setattr(redis_instrumentation, "_describe", breaks)
    with redis.Redis.from_url(valkey_url) as client:
        assert client.ping()
    assert set(told) == {"tracing a database operation: a fault of ours"}


def test_of_whoever_records_durations(recorded: Recorded, told: Told, valkey_url: str) -> None:
    redis_instrumentation.instrument(tracer_provider=recorded.provider)
    redis_instrumentation.record_durations(breaks)
    try:
        with redis.Redis.from_url(valkey_url) as client:
            assert client.ping()
    finally:
        redis_instrumentation.record_durations(None)
    assert set(told) == {"ending a database span: a fault of ours"}
    assert "PING" in recorded.names

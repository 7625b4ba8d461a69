"""A token planted wherever a secret may travel is found in no exported byte."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx
import pytest
import redis
import requests
from fastapi import FastAPI
from opentelemetry.sdk.resources import Resource

from shared.telemetry.instrument import asyncpg as asyncpg_instrumentation
from shared.telemetry.instrument import httpx as httpx_instrumentation
from shared.telemetry.instrument import redis as redis_instrumentation
from shared.telemetry.instrument import requests as requests_instrumentation
from shared.telemetry.instrument.asgi import TracingMiddleware
from shared.telemetry.trace.provider import TracerProvider
from tests.telemetry.instrument.echo import echo_server

TOKEN = "hunter2-s3cret"  # planted, and searched for in what leaves the process


class Exported:
    """A provider that keeps what would be sent."""

    def __init__(self) -> None:
        self.records: list[bytes] = []
        self.provider = TracerProvider(resource=Resource.create())
        self.provider.send_to(lambda scope, record: self.records.append(scope + record))

    def check(self, spans: int) -> None:
        """That so many spans were exported, and the token in none."""
        assert len(self.records) == spans
        for record in self.records:
            assert TOKEN.encode() not in record


@pytest.fixture
def exported() -> Exported:
    return Exported()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with echo_server() as address:
        yield address


@pytest.mark.parametrize(
    "text",
    [
        f"password={TOKEN}",
        f"login failed: token: '{TOKEN}'",
        f'bad reply {{"api_key": "{TOKEN}"}}',
        f"Authorization: Bearer {TOKEN}",
        f"cannot reach postgres://app:{TOKEN}@db/shop",
    ],
)
async def test_of_a_server_request(exported: Exported, monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_REQUEST", ".*")
    app = FastAPI()
    app.add_middleware(TracingMiddleware, tracer_provider=exported.provider)

    @app.get("/fails")
    async def fails() -> None:
        raise ValueError(text)

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
        await client.get(
            f"/fails?token={TOKEN}&page=2",
            headers={
                "authorization": f"Bearer {TOKEN}",
                "x-api-key": TOKEN,
                "cookie": f"session={TOKEN}",
            },
        )
    exported.check(spans=1)
    assert b"page=2" in exported.records[0]


def test_of_client_requests(exported: Exported, server: str) -> None:
    httpx_instrumentation.instrument(tracer_provider=exported.provider)
    requests_instrumentation.instrument(tracer_provider=exported.provider)
    address = server.replace("://", f"://app:{TOKEN}@") + f"/users?api_key={TOKEN}"
    headers = {"authorization": f"Bearer {TOKEN}"}
    httpx.get(address, headers=headers)
    requests.get(address, headers=headers, timeout=5)
    refused = f"http://app:{TOKEN}@127.0.0.1:1/?token={TOKEN}"
    with pytest.raises(httpx.ConnectError):
        httpx.get(refused)
    with pytest.raises(requests.ConnectionError):
        requests.get(refused, timeout=5)
    exported.check(spans=4)


async def test_of_sql_statements(exported: Exported, postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE TEMPORARY TABLE users (id int, name text UNIQUE CHECK (name <> 'x'))")
    asyncpg_instrumentation.instrument(tracer_provider=exported.provider)
    insert = "INSERT INTO users VALUES ($1, $2)"
    calls: list[tuple[Any, ...]] = [
        (connection.execute, insert, 1, TOKEN),
        (connection.execute, f"INSERT INTO users VALUES (2, '{TOKEN}2') -- {TOKEN}"),  # noqa: S608 - on purpose
        (connection.executemany, insert, [(3, TOKEN + "3")]),
        (connection.fetch, "SELECT * FROM users WHERE name = $1", TOKEN),
    ]
    wrong: list[tuple[Any, ...]] = [
        # The driver's own complaint, a unique key, a cast, a failed check: each quotes the value.
        (connection.execute, insert, TOKEN, "x"),
        (connection.execute, insert, 1, TOKEN),
        (connection.fetch, f"SELECT '{TOKEN}'::int"),
        (connection.fetch, "SELECT $1::text::int", TOKEN),
        (connection.fetch, "SELECT $1::text::int", "long " * 10_000 + TOKEN),
        (connection.execute, f"SELECT * FROM users WHERE {TOKEN!r} ="),  # noqa: S608 - on purpose
    ]
    for method, *arguments in calls:
        await method(*arguments)
    for method, *arguments in wrong:
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError)):
            await method(*arguments)
    await connection.close()
    exported.check(spans=len(calls) + len(wrong))


def test_of_redis_commands(exported: Exported, valkey_url: str) -> None:
    client: Any = redis.Redis.from_url(valkey_url)
    redis_instrumentation.instrument(tracer_provider=exported.provider)
    client.set(f"session:{TOKEN}", TOKEN)
    with client.pipeline() as pipeline:
        pipeline.set("a", TOKEN).get(TOKEN).execute()
    for transaction in (True, False):
        with contextlib.suppress(redis.ResponseError), client.pipeline(transaction) as pipeline:
            pipeline.set("a", TOKEN).lpush("a", TOKEN).execute()
            raise AssertionError("LPUSH to a string is refused")
    with pytest.raises(redis.ResponseError):
        client.execute_command("NOSUCH", TOKEN)
    with pytest.raises(redis.AuthenticationError):
        client.execute_command("AUTH", "app", TOKEN)
    client.close()
    exported.check(spans=6)


async def test_of_an_error_that_passes_through_the_application(exported: Exported, postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    app = FastAPI()
    app.add_middleware(TracingMiddleware, tracer_provider=exported.provider)

    @app.get("/users/{name}")
    async def user(name: str) -> None:
        await connection.execute("SELECT $1::int", f"{name}{TOKEN}")

    @app.get("/cast/{name}")
    async def cast(name: str) -> None:
        await connection.execute("SELECT $1::text::int", f"{name}{TOKEN}")

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://shop.example") as client:
        assert (await client.get("/users/a")).status_code == 500
        assert (await client.get("/cast/a")).status_code == 500
    await connection.close()
    exported.check(spans=2)

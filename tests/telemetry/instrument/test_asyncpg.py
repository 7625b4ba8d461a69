"""asyncpg against a real PostgreSQL."""

from __future__ import annotations

import asyncio
import contextlib
import io
from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import asyncpg
import pytest
from opentelemetry.trace import SpanKind, StatusCode

from shared.telemetry.instrument import asyncpg as instrumentation
from tests.telemetry.instrument.recorded import Recorded, attributes_of, context_of, parent_of


@pytest.fixture
async def connection(postgres_url: str, recorded: Recorded) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(postgres_url)
    await connection.execute("CREATE TEMPORARY TABLE users (id int PRIMARY KEY, name text)")
    await connection.execute("INSERT INTO users VALUES (1, 'ada'), (2, 'grace')")
    instrumentation.instrument(tracer_provider=recorded.provider)
    yield connection
    instrumentation.uninstrument()
    await connection.close()


async def test_a_query_is_a_client_span_with_stable_attributes(
    connection: asyncpg.Connection, recorded: Recorded, postgres_url: str
) -> None:
    await connection.fetchrow("SELECT * FROM users WHERE id = $1", 1)
    span = recorded.only()
    assert span.name == "SELECT users"
    assert span.kind is SpanKind.CLIENT
    assert attributes_of(span) == {
        "db.system.name": "postgresql",
        "db.namespace": "postgres",
        "db.query.summary": "SELECT users",
        "db.query.text": "SELECT * FROM users WHERE id = $1",
        "db.operation.name": "SELECT",
        "db.collection.name": "users",
        "server.address": "127.0.0.1",
        "server.port": urlsplit(postgres_url).port,
    }


async def test_literals_are_left_out_of_text_without_parameters(
    connection: asyncpg.Connection, recorded: Recorded
) -> None:
    await connection.fetch("SELECT * FROM users WHERE name = 'ada' AND id = 1")
    text = attributes_of(recorded.only())["db.query.text"]
    assert text == "SELECT * FROM users WHERE name = ? AND id = ?"


async def test_every_way_to_run_a_statement_makes_one_span(
    connection: asyncpg.Connection, recorded: Recorded
) -> None:
    await connection.execute("UPDATE users SET name = $1 WHERE id = $2", "joan", 1)
    await connection.executemany("INSERT INTO users VALUES ($1, $2)", [(3, "a"), (4, "b")])
    await connection.fetch("SELECT id FROM users")
    await connection.fetchval("SELECT count(*) FROM users")
    await connection.fetchmany("INSERT INTO users VALUES ($1, $2) RETURNING id", [(5, "c")])
    assert recorded.names == ["UPDATE users", "INSERT users", "SELECT users", "SELECT users", "INSERT users"]


async def test_a_prepared_statement_is_traced_when_prepared_and_when_run(
    connection: asyncpg.Connection, recorded: Recorded
) -> None:
    statement = await connection.prepare("SELECT name FROM users WHERE id = $1")
    assert await statement.fetchval(1) == "ada"
    assert recorded.names == ["PREPARE SELECT users", "SELECT users"]


async def test_a_cursor_makes_a_span_for_each_batch_of_rows(
    connection: asyncpg.Connection, recorded: Recorded
) -> None:
    async with connection.transaction():
        rows = [row async for row in connection.cursor("SELECT * FROM generate_series(1, $1)", 5, prefetch=4)]
    assert len(rows) == 5
    assert recorded.names == ["BEGIN", "SELECT generate_series", "SELECT generate_series", "COMMIT"]


async def test_transactions_and_savepoints_are_spans_of_their_own_also_when_rolled_back(
    connection: asyncpg.Connection, recorded: Recorded
) -> None:
    async with connection.transaction():
        with contextlib.suppress(asyncpg.UndefinedTableError):
            async with connection.transaction():
                await connection.execute("DELETE FROM nowhere")
        await connection.execute("DELETE FROM users")
    statements = ["BEGIN", "SAVEPOINT", "DELETE nowhere", "ROLLBACK", "DELETE users", "COMMIT"]
    assert recorded.names == statements


async def test_copy_is_traced_in_both_directions(connection: asyncpg.Connection, recorded: Recorded) -> None:
    out = io.BytesIO()
    await connection.copy_from_table("users", output=out)
    await connection.copy_from_query("SELECT * FROM users WHERE name = $1", "ada", output=out)
    await connection.copy_records_to_table("users", records=[(7, "x")])
    assert recorded.names == ["COPY users", "COPY SELECT users", "COPY users"]
    assert attributes_of(recorded.spans[1])["db.query.text"] == "SELECT * FROM users WHERE name = $1"


async def test_a_query_through_a_pool_makes_one_span(postgres_url: str, recorded: Recorded) -> None:
    instrumentation.instrument(tracer_provider=recorded.provider)
    async with asyncpg.create_pool(postgres_url, min_size=1, max_size=1) as pool:
        recorded.clear()
        assert await pool.fetchval("SELECT $1::int", 7) == 7
        assert "SELECT" in recorded.names
        assert recorded.names.count("SELECT") == 1


async def test_waiting_for_a_connection_of_a_pool_is_a_span(postgres_url: str, recorded: Recorded) -> None:
    async with asyncpg.create_pool(postgres_url, min_size=1, max_size=1) as pool:
        instrumentation.instrument(tracer_provider=recorded.provider)
        with recorded.tracer.start_as_current_span("request"):
            taken = await pool.acquire()
            waiting = asyncio.create_task(pool.fetchval("SELECT 1"))
            await asyncio.sleep(0)
            await pool.release(taken)
            await waiting
            await pool.fetchval("SELECT 2")
    assert sorted(recorded.names) == ["SELECT", "SELECT", "acquire connection", "request"]
    waited = recorded.named("acquire connection")
    assert parent_of(waited) == context_of(recorded.named("request"))


async def test_giving_up_on_a_pool_fails_the_wait(postgres_url: str, recorded: Recorded) -> None:
    async with asyncpg.create_pool(postgres_url, min_size=1, max_size=1) as pool:
        instrumentation.instrument(tracer_provider=recorded.provider)
        async with pool.acquire():
            with recorded.tracer.start_as_current_span("request"), pytest.raises(TimeoutError):
                await pool.acquire(timeout=0.001)
    assert attributes_of(recorded.named("acquire connection"))["error.type"] == "TimeoutError"


async def test_a_failed_query_carries_its_sqlstate(
    connection: asyncpg.Connection, recorded: Recorded
) -> None:
    with pytest.raises(asyncpg.UndefinedTableError):
        await connection.fetch("SELECT * FROM nowhere")
    span = recorded.only()
    assert attributes_of(span)["db.response.status_code"] == "42P01"
    assert attributes_of(span)["error.type"] == "42P01"
    assert span.status.status_code is StatusCode.ERROR

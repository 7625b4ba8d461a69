"""An asyncpg pool on a schema of its own, brought up to date by plain SQL files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import asyncpg

# Any number will do; it only has to be the same in every process of a service.
MIGRATION_LOCK = 0x7E3904E5


async def connect(url: str, schema: str, migrations: Path) -> asyncpg.Pool[asyncpg.Record]:
    """Open a pool and apply the migrations that the schema has not seen.

    Args:
        url: PostgreSQL address (`postgresql://user:password@host:port/database`).
        schema: schema that holds the service's tables; made when absent, first in the search path.
        migrations: folder of `NNNN_name.sql` files, applied once each in the order of their names.

    Returns:
        The pool; the caller closes it.

    Raises:
        asyncpg.PostgresError: a migration failed; none of its statements took effect.
        OSError: the server cannot be reached.
    """
    scripts = {path.name: path.read_text() for path in sorted(migrations.glob("*.sql"))}  # noqa: ASYNC240 - at start
    pool = await asyncpg.create_pool(url, min_size=1, max_size=20, server_settings={"search_path": schema})
    try:
        async with pool.acquire() as connection:
            await _migrate(connection, schema, scripts)
    except BaseException:
        pool.terminate()
        raise
    return pool


async def _migrate(
    connection: asyncpg.pool.PoolConnectionProxy[asyncpg.Record], schema: str, scripts: Mapping[str, str]
) -> None:
    # The lock lets several processes of a service start at once.
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", MIGRATION_LOCK)
        quoted = await connection.fetchval("SELECT quote_ident($1)", schema)
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted}")
        await connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations"
            " (name text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now())"
        )
        applied = {row["name"] for row in await connection.fetch("SELECT name FROM migrations")}
        for name, script in scripts.items():
            if name not in applied:
                await connection.execute(script)
                await connection.execute("INSERT INTO migrations (name) VALUES ($1)", name)

"""What routes ask for: the pool and the cache."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import asyncpg
from fastapi import Depends, Request
from redis.asyncio import Redis

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
else:
    Pool = asyncpg.Pool  # generic for the type checker alone


def _pool(request: Request) -> Pool:
    pool: Pool = request.app.state.pool
    return pool


def _redis(request: Request) -> Redis:
    redis: Redis = request.app.state.redis
    return redis


Database = Annotated[Pool, Depends(_pool)]
Cache = Annotated[Redis, Depends(_redis)]

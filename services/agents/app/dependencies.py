"""What routes ask for: the pool, the cache and the caller, whom auth knows."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

import asyncpg
import httpx
from fastapi import Depends, HTTPException, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from pydantic import BaseModel
from redis.asyncio import Redis

if TYPE_CHECKING:
    Pool = asyncpg.Pool[asyncpg.Record]
else:
    Pool = asyncpg.Pool  # generic for the type checker alone


class Identity(BaseModel):
    """Who a token belongs to, as auth says."""

    id: int
    email: str
    name: str


def _pool(request: Request) -> Pool:
    pool: Pool = request.app.state.pool
    return pool


def _redis(request: Request) -> Redis:
    redis: Redis = request.app.state.redis
    return redis


async def _caller(
    request: Request, bearer: Annotated[HTTPAuthorizationCredentials, Depends(HTTPBearer())]
) -> Identity:
    auth: httpx.AsyncClient = request.app.state.auth
    try:
        answer = await auth.get("/api/v1/verify", headers={"Authorization": f"Bearer {bearer.credentials}"})
    except httpx.HTTPError:
        raise HTTPException(
            HTTPStatus.SERVICE_UNAVAILABLE, "auth does not answer; try again later."
        ) from None
    if answer.status_code == HTTPStatus.UNAUTHORIZED:
        raise HTTPException(
            HTTPStatus.UNAUTHORIZED,
            "The token is unknown or expired; log in again.",
            {"WWW-Authenticate": "Bearer"},
        )
    if answer.is_error:
        raise HTTPException(HTTPStatus.SERVICE_UNAVAILABLE, "auth failed; try again later.")
    return Identity.model_validate_json(answer.content)


Database = Annotated[Pool, Depends(_pool)]
Cache = Annotated[Redis, Depends(_redis)]
Caller = Annotated[Identity, Depends(_caller)]

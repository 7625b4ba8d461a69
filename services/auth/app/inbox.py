"""The inbox: where other services post what a user should know."""

from __future__ import annotations

from http import HTTPStatus
from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from .dependencies import Cache
from .tokens import Caller

KEEP = 50  # messages a user

routes = APIRouter(prefix="/api/v1/inbox", tags=["inbox"])


class Message(BaseModel):
    """One message to one user."""

    user_id: int
    text: str = Field(min_length=1, max_length=500)


@routes.post("", status_code=HTTPStatus.ACCEPTED)
async def post(message: Message, cache: Cache) -> None:
    """Keep a message for its user; the oldest ones make room."""
    key = f"auth:inbox:{message.user_id}"
    async with cache.pipeline(transaction=True) as pipeline:
        pipeline.lpush(key, message.text)
        pipeline.ltrim(key, 0, KEEP - 1)
        await pipeline.execute()


@routes.get("")
async def read(caller: Caller, cache: Cache, limit: Annotated[int, Query(ge=1, le=KEEP)] = 10) -> list[str]:
    """The caller's newest messages."""
    return [str(text) for text in await cache.lrange(f"auth:inbox:{caller.id}", 0, limit - 1)]

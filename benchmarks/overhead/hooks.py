"""The least that telemetry in Python can do: see each operation, note two times, and make nothing of them.

No span, no attribute, no propagation, no encoding, no export: what remains is what wrapping the server and
the three clients costs by itself.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from contextvars import ContextVar
from time import time_ns
from typing import Any

Message = MutableMapping[str, Any]

_seen: deque[tuple[object, int, int]] = deque(maxlen=64)
_current: ContextVar[object] = ContextVar("current")


def setup() -> None:
    """Wrap the methods that our instrumentations wrap."""
    import asyncpg
    import httpx
    import redis.asyncio

    for owner, name in (
        (httpx.AsyncClient, "_send_single_request"),
        (redis.asyncio.Redis, "execute_command"),
        (asyncpg.Connection, "_do_execute"),
    ):
        setattr(owner, name, _watched(getattr(owner, name)))


def _watched(original: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    @functools.wraps(original)
    async def watched(*args: Any, **options: Any) -> Any:
        parent, began = _current.get(None), time_ns()
        try:
            return await original(*args, **options)
        finally:
            _seen.append((parent, began, time_ns()))

    return watched


class Hooks:
    """ASGI middleware that sees each request and the start of its response.

    Args:
        app: the application.
    """

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        """Run the application and note when it began and ended."""

        async def seeing(message: Message) -> None:
            if message["type"] == "http.response.start":
                scope["status"] = message["status"]
            await send(message)

        began = time_ns()
        token = _current.set(scope)
        try:
            await self.app(scope, receive, seeing)
        finally:
            _current.reset(token)
            _seen.append((scope.get("path"), began, time_ns()))

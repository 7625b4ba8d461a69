"""What every dialect shares: who may ask, how long, and how a question leaves the event loop.

Safe by default: loopback only, no cross-origin reads, and a Host header that names this machine (a page on
the web that rebinds its name to 127.0.0.1 sends its own).
"""

from __future__ import annotations

import asyncio
import hmac
import ipaddress
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..model.budget import DEFAULT_SECONDS, Budget
from ..model.source import CancelledError
from ..traceql.engine import CutOff
from .errors import Problem, RequestError, problem_of

_T = TypeVar("_T")

# Queries are short; a body larger than this is no query.
MAX_BODY_BYTES = 4 * 1024 * 1024
# Questions answered at once. More would only make all of them slower: they share one machine.
QUESTIONS_AT_ONCE = 8
_LOCAL_NAMES = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})


@dataclass(frozen=True, slots=True)
class Security:
    """Who may ask.

    Attributes:
        token: what `Authorization: Bearer` must carry; None asks for none.
        hosts: names besides loopback's that the Host header may have; "*" allows any.
        query_seconds: how long one question may take.
    """

    token: str | None = None
    hosts: frozenset[str] = frozenset()
    query_seconds: float = DEFAULT_SECONDS


def require_safe_bind(host: str, token: str | None, *, unprotected: bool) -> None:
    """Refuse to listen beyond this machine without a token or an explicit wish.

    Raises:
        ValueError: `host` is not loopback, there is no token, and `unprotected` is not set.
    """
    if is_loopback(host) or token or unprotected:
        return
    raise ValueError(
        f"{host} can be reached from other machines: set a token (TEMPONEST_TOKEN)"
        " or allow it with --unprotected"
    )


def is_loopback(host: str) -> bool:
    """Whether an address or name is this machine's own."""
    if host in _LOCAL_NAMES:
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class Guard:
    """ASGI middleware: Host, token and size, before anything else looks at the request."""

    def __init__(self, app: ASGIApp, security: Security) -> None:
        self.app = app
        self.security = security

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a refusal itself, pass on everything else."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        refusal = self._refusal(headers)
        if refusal is not None:
            await PlainTextResponse(refusal.message + "\n", refusal.status)(scope, receive, send)
            return
        await self.app(scope, _limited(receive), send)

    def _refusal(self, headers: Mapping[bytes, bytes]) -> Problem | None:
        host = _host_name(headers.get(b"host", b"").decode("latin-1"))
        allowed = self.security.hosts
        if not (is_loopback(host) or host in allowed or "*" in allowed):
            return Problem(
                421, "this Host is not served here; use localhost, or start the nest with --allow-host"
            )
        if self.security.token is not None:
            sent = headers.get(b"authorization", b"")
            wanted = b"Bearer " + self.security.token.encode()
            if not hmac.compare_digest(sent, wanted):
                return Problem(401, "send the token as 'Authorization: Bearer TOKEN'")
        length = headers.get(b"content-length", b"0")
        if not length.isdigit() or int(length) > MAX_BODY_BYTES:
            return Problem(413, f"the body is larger than {MAX_BODY_BYTES} bytes")
        return None


def _host_name(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]


def _limited(receive: Receive) -> Receive:
    """Count a body that did not announce its length."""
    received = 0

    async def limited() -> Message:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        if received > MAX_BODY_BYTES:
            raise RequestError(f"the body is larger than {MAX_BODY_BYTES} bytes", 413)
        return message

    return limited


def cut_off_headers(cut_off: CutOff | None) -> dict[str, str]:
    """The header that says why an answer is not everything that matches."""
    return {"TempoNest-Cut-Off": cut_off.value} if cut_off else {}


class Questions:
    """Runs questions on threads, a few at a time, each with a budget that ends when its client leaves."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._limiter: anyio.CapacityLimiter | None = None

    async def ask(self, request: Request, question: Callable[[Budget], _T]) -> _T:
        """The answer of `question`, which may take long and is told when to stop.

        Raises:
            RequestError: 503, it had no answer in its time.
            CancelledError: the client left.
        """
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(QUESTIONS_AT_ONCE)
        left = threading.Event()
        budget = Budget(self.seconds, left.is_set)
        watcher = asyncio.create_task(_watch(request, left))
        try:
            return await anyio.to_thread.run_sync(lambda: question(budget), limiter=self._limiter)
        except CancelledError:
            if left.is_set() or not budget.spent():
                raise
            raise RequestError(
                f"out of time: a question may take {self.seconds:g} s; ask for a shorter window or for less",
                503,
            ) from None
        finally:
            left.set()
            watcher.cancel()


async def _watch(request: Request, left: threading.Event) -> None:
    while True:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            left.set()
            return


def build_app(
    routes: Sequence[BaseRoute], security: Security, show: Callable[[Problem], Response]
) -> Starlette:
    """An application of one dialect.

    Args:
        routes: what it answers.
        security: who may ask.
        show: how the dialect writes an error.
    """

    async def refused(_: Request, error: Exception) -> Response:
        if not isinstance(error, HTTPException):
            raise error
        return show(Problem(error.status_code, error.detail))

    return Starlette(
        routes=list(routes),
        middleware=[Middleware(_Errors, show=show), Middleware(Guard, security=security)],
        exception_handlers={HTTPException: refused},
    )


class _Errors:
    """Turns what a route raises into the dialect's reply; Starlette's own would also print a traceback."""

    def __init__(self, app: ASGIApp, show: Callable[[Problem], Response]) -> None:
        self.app = app
        self.show = show

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and answer for what was raised before a reply began."""
        started = False

        async def watched(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        try:
            await self.app(scope, receive, watched)
        except Exception as error:
            if scope["type"] != "http" or started:
                raise
            await self.show(problem_of(error))(scope, receive, send)

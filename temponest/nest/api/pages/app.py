"""One application for a browser: the built pages, the two APIs they speak, and what this machine is."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ..errors import Problem
from ..server import Security, build_app
from .files import FOLDER, Files

# No inline script or style, nothing from elsewhere, no frame around the pages, no form that leaves them.
# `style-src` needs no more: the pages set single properties by script, which this policy allows.
POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "connect-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
)
HEADERS = [
    (b"content-security-policy", POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-opener-policy", b"same-origin"),
]


def create_app(
    tempo: ASGIApp,
    prometheus: ASGIApp,
    *,
    beside: Sequence[BaseRoute] = (),
    describe: Callable[[], Mapping[str, object]] = dict,
    security: Security | None = None,
    folder: Path = FOLDER,
) -> Starlette:
    """The pages as an application.

    Args:
        tempo: answers Tempo's HTTP API; mounted at `/tempo`. An application, or `Forward` to a real Tempo.
        prometheus: the same for Prometheus, at `/prometheus`.
        beside: routes of other APIs on the same address, such as Jaeger's.
        describe: what `/here.json` says: where to send OTLP, and the last refused request
            (`otlp_grpc`, `otlp_http`, `last_refused: {time, reason, from}`; each may be missing).
        security: who may ask; by default anybody on this machine.
        folder: where the built pages are.
    """

    async def here(_: Request) -> Response:
        return JSONResponse(dict(describe()), headers={"Cache-Control": "no-store"})

    files = Files(folder)
    routes: list[BaseRoute] = [
        Mount("/tempo", tempo),
        Mount("/prometheus", prometheus),
        *beside,
        Route("/here.json", here),
        Route("/api/{rest:path}", _no_such_api),
        Route("/{path:path}", files.answer),
    ]
    app = build_app(routes, security or Security(), _plain)
    app.add_middleware(_Headers)
    return app


async def _no_such_api(request: Request) -> Response:
    raise HTTPException(404, f"nothing is at {request.url.path}")


def _plain(problem: Problem) -> Response:
    return PlainTextResponse(problem.message + "\n", problem.status)


class _Headers:
    """Adds the content security policy and its kin to every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, and add the headers when the answer begins."""

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], *HEADERS]}
            await send(message)

        await self.app(scope, receive, with_headers)

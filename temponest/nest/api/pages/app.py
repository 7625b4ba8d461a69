"""One application for a browser: the built pages, the APIs they speak, and what this machine is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from starlette.applications import Starlette
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
    prometheus: ASGIApp | None,
    loki: ASGIApp | None = None,
    *,
    api: ASGIApp | None = None,
    describe: Callable[[], Mapping[str, object]] = dict,
    security: Security | None = None,
    folder: Path = FOLDER,
) -> Starlette:
    """The pages as an application.

    Args:
        tempo: answers Tempo's HTTP API; mounted at `/tempo`. An application, or `Forward` to a real Tempo.
        prometheus: the same for Prometheus, at `/prometheus`; None where there is none.
        loki: the same for Loki, at `/loki`.
        api: answers everything below `/api/` on this address, such as Jaeger's APIs.
        describe: what `/here.json` says: where to send OTLP, and the last refused request
            (`otlp_grpc`, `otlp_http`, `last_refused: {time, reason}`; each may be missing).
        security: which hosts may be named. Its token is asked for by `tempo`, `prometheus`, `loki` and
            `api` themselves: the files of the pages hold no data, and a browser cannot send one for them.
        folder: where the built pages are.
    """

    async def here(_: Request) -> Response:
        return JSONResponse(dict(describe()), headers={"Cache-Control": "no-store"})

    files = Files(folder)
    routes: list[BaseRoute] = [
        Mount("/tempo", tempo),
        Mount("/prometheus", prometheus or _NoSuchApi()),
        Mount("/loki", loki or _NoSuchApi()),
        # A route, not a mount: the other API sees the path as it was asked for.
        Route("/api/{rest:path}", api or _NoSuchApi()),
        Route("/here.json", here),
        Route("/{path:path}", files.answer),
    ]
    hosts = security.hosts if security else frozenset()
    app = build_app(routes, Security(hosts=hosts), _plain)
    app.add_middleware(_Headers)
    return app


class _NoSuchApi:
    """Says that nothing is there, where a page would mislead a program."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer 404."""
        await PlainTextResponse(f"nothing is at {scope['path']}\n", 404)(scope, receive, send)


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

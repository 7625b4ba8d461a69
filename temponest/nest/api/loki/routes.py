"""Loki's routes: read the parameters, ask, shape the reply."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from temponest import __version__

from ...logql.entries import Entries
from ...model.log import LogSource
from ...questions.logs import Logs
from ...traceql.engine import CutOff
from ..server import Questions, Security, build_app, cut_off_headers
from . import params, records, reply

# Grafana reads a version of Loki here; this is the one whose API and language are answered.
LOKI = "3.5.0"

# Labels and streams are looked for this long before the end, as in Loki.
_SIX_HOURS = 6 * params.HOUR


def create_app(logs: LogSource, security: Security | None = None) -> Starlette:
    """Loki's API as an application of its own.

    Args:
        logs: where the log records are.
        security: who may ask; by default anybody on this machine.
    """
    security = security or Security()
    return build_app(routes(logs, security), security, reply.error)


def routes(logs: LogSource, security: Security) -> list[Route]:
    """Loki's routes, to be served beside others."""
    api = _Loki(logs, Questions(security.query_seconds))
    forms: list[tuple[str, Callable[[Request], Awaitable[Response]]]] = [
        ("/loki/api/v1/query", api.query),
        ("/loki/api/v1/query_range", api.query_range),
        ("/loki/api/v1/labels", api.labels),
        ("/loki/api/v1/label", api.labels),
        ("/loki/api/v1/label/{name}/values", api.label_values),
        ("/loki/api/v1/series", api.series),
    ]
    reads: list[tuple[str, Callable[[Request], Awaitable[Response]]]] = [
        ("/loki/api/v1/status/buildinfo", api.buildinfo),
        ("/ready", api.ready),
    ]
    return [
        *(Route(path, endpoint, methods=["GET", "POST"]) for path, endpoint in forms),
        *(Route(path, endpoint) for path, endpoint in reads),
    ]


class _Loki:
    def __init__(self, logs: LogSource, questions: Questions) -> None:
        self.logs = Logs(logs)
        self.ask = questions.ask

    async def query(self, request: Request) -> Response:
        form = await params.form(request)
        query, time_ns = params.required(form, "query"), params.instant(form, "time", time.time_ns())
        found = await self.ask(request, lambda budget: self.logs.instant(query, time_ns, budget))
        return reply.success(reply.result(found, categorized=False))

    async def query_range(self, request: Request) -> Response:
        form = await params.form(request)
        query, window, limit = params.required(form, "query"), params.window(form), params.limit(form)
        step_ns, newest_first = params.grid_step(form, window), params.newest_first(form)
        found = await self.ask(
            request,
            lambda budget: self.logs.range(
                query,
                window.start_ns,
                window.end_ns,
                budget,
                limit=limit,
                newest_first=newest_first,
                step_ns=step_ns,
            ),
        )
        if isinstance(found, Entries) and records.PROTOBUF in request.headers.get("accept", ""):
            return reply.encoded(found, cut_off_headers(CutOff.TIME if found.cut_off else None))
        flags = request.headers.get("x-loki-response-encoding-flags", "").split(",")
        cut_off = CutOff.TIME if isinstance(found, Entries) and found.cut_off else None
        categorized = reply.CATEGORIZE in (flag.strip() for flag in flags)
        return reply.success(reply.result(found, categorized=categorized), cut_off_headers(cut_off))

    async def labels(self, request: Request) -> Response:
        form = await params.form(request)
        selectors, window = _selectors(form), params.window(form, _SIX_HOURS)
        found = await self.ask(
            request,
            lambda budget: self.logs.label_names(selectors, window.start_ns, window.end_ns, budget),
        )
        return reply.success(found)

    async def label_values(self, request: Request) -> Response:
        form = await params.form(request)
        name, selectors, window = (
            request.path_params["name"],
            _selectors(form),
            params.window(form, _SIX_HOURS),
        )
        found = await self.ask(
            request,
            lambda budget: self.logs.label_values(name, selectors, window.start_ns, window.end_ns, budget),
        )
        return reply.success(found)

    async def series(self, request: Request) -> Response:
        form = await params.form(request)
        matches = [one for name in ("match[]", "match") for one in form.getlist(name)]
        window = params.window(form, _SIX_HOURS)
        found = await self.ask(
            request, lambda budget: self.logs.streams(matches, window.start_ns, window.end_ns, budget)
        )
        return reply.success(found)

    async def buildinfo(self, _: Request) -> Response:
        info = {"version": LOKI, "revision": f"temponest-{__version__}", "branch": ""}
        return JSONResponse({**info, "buildUser": "", "buildDate": "", "goVersion": ""})

    async def ready(self, _: Request) -> Response:
        return PlainTextResponse("ready\n")


def _selectors(form: params.Form) -> list[str]:
    """The streams whose labels are asked for; all of them where none is named."""
    query = form.get("query", "").strip()
    return [query] if query and query != "{}" else []

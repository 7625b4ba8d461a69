"""Prometheus' routes: read the parameters, ask, shape the reply."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from temponest import __version__

from ...model.source import SeriesSource
from ...questions.metrics import Metrics
from ..errors import RequestError
from ..server import Questions, Security, build_app
from . import params, reply

# Grafana reads a version of Prometheus here; this is the one whose API and language are answered.
PROMETHEUS = "3.5.0"


def create_app(series: SeriesSource, security: Security | None = None) -> Starlette:
    """Prometheus' API as an application of its own.

    Args:
        series: where the series are.
        security: who may ask; by default anybody on this machine.
    """
    security = security or Security()
    return build_app(routes(series, security), security, reply.error)


def routes(series: SeriesSource, security: Security) -> list[Route]:
    """Prometheus' routes, to be served beside others."""
    api = _Prometheus(series, Questions(security.query_seconds))
    forms: list[tuple[str, Callable[[Request], Awaitable[Response]]]] = [
        ("/api/v1/query", api.query),
        ("/api/v1/query_range", api.query_range),
        ("/api/v1/query_exemplars", api.query_exemplars),
        ("/api/v1/series", api.series),
        ("/api/v1/labels", api.labels),
    ]
    reads: list[tuple[str, Callable[[Request], Awaitable[Response]]]] = [
        ("/api/v1/label/{name:path}/values", api.label_values),
        ("/api/v1/metadata", api.metadata),
        ("/api/v1/rules", api.rules),
        ("/api/v1/alerts", api.alerts),
        ("/api/v1/status/buildinfo", api.buildinfo),
        ("/-/ready", api.ready),
        ("/-/healthy", api.ready),
    ]
    return [
        *(Route(path, endpoint, methods=["GET", "POST"]) for path, endpoint in forms),
        *(Route(path, endpoint) for path, endpoint in reads),
    ]


class _Prometheus:
    def __init__(self, series: SeriesSource, questions: Questions) -> None:
        self.metrics = Metrics(series)
        self.ask = questions.ask

    async def query(self, request: Request) -> Response:
        form = await params.form(request)
        query, time_ms = params.required(form, "query"), params.instant(form, "time")
        found = await self.ask(request, lambda budget: self.metrics.instant(query, time_ms, budget))
        return reply.success(reply.result(found), found.warnings, found.infos)

    async def query_range(self, request: Request) -> Response:
        form = await params.form(request)
        query, step_ms = params.required(form, "query"), params.step(form)
        for name in ("start", "end"):
            params.required(form, name)
        start_ms, end_ms = params.instant(form, "start"), params.instant(form, "end")
        found = await self.ask(
            request, lambda budget: self.metrics.range(query, start_ms, end_ms, step_ms, budget)
        )
        return reply.success(reply.result(found), found.warnings, found.infos)

    async def query_exemplars(self, request: Request) -> Response:
        form = await params.form(request)
        query = params.required(form, "query")
        start_ms, end_ms = _window(form)
        found = await self.ask(
            request, lambda budget: self.metrics.exemplars(query, start_ms, end_ms, budget)
        )
        return reply.success(reply.exemplars(found))

    async def series(self, request: Request) -> Response:
        form = await params.form(request)
        matches = form.getlist("match[]")
        if not matches:
            raise RequestError("the parameter 'match[]' is missing")
        start_ms, end_ms = _window(form)
        found = await self.ask(request, lambda budget: self.metrics.series(matches, start_ms, end_ms, budget))
        return reply.success([dict(labels) for labels in found[: params.limit(form)]])

    async def labels(self, request: Request) -> Response:
        form = await params.form(request)
        matches, (start_ms, end_ms) = form.getlist("match[]"), _window(form)
        found = await self.ask(
            request, lambda budget: self.metrics.label_names(matches, start_ms, end_ms, budget)
        )
        return reply.success(found[: params.limit(form)])

    async def label_values(self, request: Request) -> Response:
        form = await params.form(request)
        name = params.label_name(request.path_params["name"])
        matches, (start_ms, end_ms) = form.getlist("match[]"), _window(form)
        found = await self.ask(
            request, lambda budget: self.metrics.label_values(name, matches, start_ms, end_ms, budget)
        )
        return reply.success(found[: params.limit(form)])

    async def metadata(self, request: Request) -> Response:
        form = await params.form(request)
        wanted, limit = form.get("metric", ""), params.limit(form)
        found = await self.ask(request, lambda _: self.metrics.metadata())
        some = [(name, one) for name, one in sorted(found.items()) if wanted in ("", name)]
        return reply.success(reply.metadata(dict(some[:limit])))

    async def rules(self, _: Request) -> Response:
        return reply.success({"groups": []})

    async def alerts(self, _: Request) -> Response:
        return reply.success({"alerts": []})

    async def buildinfo(self, _: Request) -> Response:
        info = {"version": PROMETHEUS, "revision": f"temponest-{__version__}", "branch": ""}
        return reply.success({**info, "buildUser": "", "buildDate": "", "goVersion": ""})

    async def ready(self, _: Request) -> Response:
        return PlainTextResponse("TempoNest is ready.\n")


def _window(form: params.Form) -> tuple[int, int]:
    start_ms = params.instant(form, "start", params.MIN_MS)
    return start_ms, params.instant(form, "end", params.MAX_MS)

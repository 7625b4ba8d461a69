"""Routes of Tempo's API: read the parameters, ask, shape the answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from starlette.applications import Starlette
from starlette.convertors import Convertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from .... import __version__
from ...model.fetch import AttributeScope
from ...model.source import SpanSource
from ...questions.tags import Tags
from ...questions.traces import Traces
from ...traceql import engine
from ...traceql.intervals import Intervals, aligned, default_step_ns, instant
from ...traceql.metrics import MetricsResult, query_series
from ..errors import RequestError
from ..params import integer, trace_id
from ..server import Questions, Security, build_app
from . import params, reply

PROTOBUF = "application/protobuf"
DEFAULT_VALUES = 1_000
MOST_TRACES = 100
# Grafana switches features on by Tempo's version: this is the newest whose requests are all answered.
TEMPO_VERSION = "2.8.0"


class _TagConvertor(Convertor[str]):
    """The name of an attribute in a path: any characters, slashes and line ends too."""

    regex = r"[\s\S]+"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("tag", _TagConvertor())


def create_app(spans: SpanSource, security: Security | None = None) -> Starlette:
    """Tempo's API as an application of its own.

    Args:
        spans: where the spans are.
        security: who may ask; by default anybody on this machine.
    """
    security = security or Security()
    return build_app(routes(spans, security), security, reply.error)


def routes(spans: SpanSource, security: Security) -> list[Route]:
    """Tempo's routes, to be served beside others."""
    api = _Tempo(spans, Questions(security.query_seconds))
    paths: list[tuple[str, Callable[[Request], Awaitable[Response]]]] = [
        ("/api/echo", api.echo),
        ("/ready", api.ready),
        ("/api/status/buildinfo", api.buildinfo),
        ("/status/buildinfo", api.buildinfo),
        ("/api/search", api.search),
        ("/api/search/tags", api.tags_v1),
        ("/api/v2/search/tags", api.tags_v2),
        ("/api/search/tag/{tag:tag}/values", api.values_v1),
        ("/api/v2/search/tag/{tag:tag}/values", api.values_v2),
        ("/api/metrics/query_range", api.query_range),
        ("/api/metrics/query", api.query_instant),
        ("/api/traces/{trace_id}", api.trace_v1),
        ("/api/v2/traces/{trace_id}", api.trace_v2),
    ]
    return [Route(path, endpoint, methods=["GET"]) for path, endpoint in paths]


class _Tempo:
    def __init__(self, spans: SpanSource, questions: Questions) -> None:
        self.spans = spans
        self.traces = Traces(spans)
        self.tags = Tags(spans)
        self.ask = questions.ask

    async def echo(self, _: Request) -> Response:
        return PlainTextResponse("echo")

    async def ready(self, _: Request) -> Response:
        return PlainTextResponse("ready\n")

    async def buildinfo(self, _: Request) -> Response:
        return reply.json_response(
            {
                "version": TEMPO_VERSION,
                "revision": f"temponest-{__version__}",
                "branch": "",
                "buildUser": "",
                "buildDate": "",
                "goVersion": "",
            }
        )

    async def search(self, request: Request) -> Response:
        wanted = params.search(request.query_params)
        result = await self.ask(
            request,
            lambda budget: engine.search(
                self.spans,
                wanted.query,
                start_ns=wanted.start_ns,
                end_ns=wanted.end_ns,
                limit=wanted.limit,
                spans_per_set=wanted.spans_per_set,
                budget=budget,
            ),
        )
        return reply.search(result)

    async def trace_v1(self, request: Request) -> Response:
        return await self._trace(request, v2=False)

    async def trace_v2(self, request: Request) -> Response:
        return await self._trace(request, v2=True)

    async def _trace(self, request: Request, *, v2: bool) -> Response:
        # Several ids, with commas between them, are an extension: who copies traces asks for many.
        texts = request.path_params["trace_id"].split(",")
        if len(texts) > MOST_TRACES:
            raise RequestError(f"{len(texts)} trace ids; at most {MOST_TRACES} are answered at once")
        wanted = [trace_id(text) for text in texts]
        # start and end are hints for stores that need them; a trace is found by its id alone.
        found = await self.ask(request, lambda budget: self.traces.by_ids(wanted, budget))
        spans = [span for one in found.values() for span in one]
        if not spans:
            raise RequestError("trace not found", 404)
        if PROTOBUF in request.headers.get("accept", ""):
            return reply.trace_protobuf(spans, v2=v2)
        return reply.trace_json(spans, v2=v2)

    async def query_range(self, request: Request) -> Response:
        wanted = params.metrics(request.query_params)
        step_ns = wanted.step_ns or default_step_ns(wanted.start_ns, wanted.end_ns)
        points = aligned(wanted.start_ns, wanted.end_ns, step_ns)
        return reply.query_range(await self._series(request, wanted, points), points)

    async def query_instant(self, request: Request) -> Response:
        wanted = params.metrics(request.query_params)
        points = instant(wanted.start_ns, wanted.end_ns)
        return reply.query_instant(await self._series(request, wanted, points))

    async def _series(
        self, request: Request, wanted: params.MetricsParams, points: Intervals
    ) -> MetricsResult:
        return await self.ask(
            request,
            lambda budget: query_series(
                self.spans, wanted.query, points, exemplars=wanted.exemplars, budget=budget
            ),
        )

    async def tags_v1(self, request: Request) -> Response:
        scopes = await self._names(request)
        # What is built in is a scope of its own, which this older request does not have.
        return reply.tags_v1(
            name for scope, names in scopes.items() if scope != AttributeScope.INTRINSIC for name in names
        )

    async def tags_v2(self, request: Request) -> Response:
        return reply.tags_v2(await self._names(request))

    async def _names(self, request: Request) -> dict[str, list[str]]:
        scope = request.query_params.get("scope", "")
        scope = "" if scope in ("all", "none") else scope
        known = {one.value for one in AttributeScope} - {AttributeScope.ANY.value}
        if scope and scope not in known:
            raise RequestError(f"scope={scope[:32]!r} is none of {', '.join(sorted(known))}")
        start_ns, end_ns = params.window(request.query_params)
        limit = integer(request.query_params, "limit", 0)
        return await self.ask(request, lambda budget: self.tags.names(scope, start_ns, end_ns, limit, budget))

    async def values_v1(self, request: Request) -> Response:
        return reply.values_v1(await self._values(request))

    async def values_v2(self, request: Request) -> Response:
        return reply.values_v2(await self._values(request))

    async def _values(self, request: Request) -> list[tuple[str, str]]:
        attribute = params.tag(request.path_params["tag"])
        start_ns, end_ns = params.window(request.query_params)
        limit = integer(request.query_params, "limit", 0) or DEFAULT_VALUES
        query = request.query_params.get("q", "")
        return await self.ask(
            request, lambda budget: self.tags.values(attribute, query, start_ns, end_ns, limit, budget)
        )

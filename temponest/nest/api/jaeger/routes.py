"""Routes of Jaeger's query APIs: read the parameters, ask, shape the answer."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from ...model.source import SpanSource
from ...model.span import Span
from ...questions.red import Measure, measure
from ...questions.traces import Traces
from ..errors import Problem, RequestError, problem_of
from ..otlp_read import spans_of
from ..params import trace_id
from ..server import Questions, Security, build_app, cut_off_headers
from . import params, reply_v1, reply_v3


def create_app(spans: SpanSource, security: Security | None = None) -> Starlette:
    """Jaeger's APIs as an application of their own.

    Args:
        spans: where the spans are.
        security: who may ask; by default anybody on this machine.
    """
    security = security or Security()
    return build_app(routes(spans, security), security, reply_v1.error)


def routes(spans: SpanSource, security: Security) -> list[Route]:
    """Jaeger's routes, to be served beside others."""
    questions = Questions(security.query_seconds)
    one, three = _Version1(spans, questions), _Version3(spans, questions)
    paths: list[tuple[str, Callable[[Request], Awaitable[Response]]]] = [
        ("/api/services", one.services),
        ("/api/services/{service:path}/operations", one.service_operations),
        ("/api/operations", one.operations),
        ("/api/traces", one.search),
        ("/api/traces/{trace_id}", one.trace),
        ("/api/dependencies", one.dependencies),
        ("/api/metrics/{measure}", one.metrics),
        ("/api/v3/services", three.answering(three.services)),
        ("/api/v3/operations", three.answering(three.operations)),
        ("/api/v3/traces", three.answering(three.traces)),
        ("/api/v3/traces/{trace_id}", three.answering(three.trace)),
        ("/api/v3/trace-summaries", three.answering(three.summaries)),
    ]
    reads = [Route(path, endpoint, methods=["GET"]) for path, endpoint in paths]
    return [*reads, Route("/api/transform", one.transform, methods=["POST"])]


def _service(request: Request, name: str = "service") -> str:
    service = request.query_params.get(name, "")
    if not service:
        raise RequestError(f"parameter '{name}' is required")
    return service


class _Version1:
    def __init__(self, spans: SpanSource, questions: Questions) -> None:
        self.spans = spans
        self.traces = Traces(spans)
        self.ask = questions.ask

    def _reply(
        self, request: Request, data: list[Any], total: int = 0, errors: list[dict[str, Any]] | None = None
    ) -> Response:
        pretty = request.query_params.get("prettyPrint", "").lower() in ("true", "1")
        return reply_v1.envelope(data, total, errors, pretty=pretty)

    async def services(self, request: Request) -> Response:
        found = await self.ask(request, self.traces.services)
        return self._reply(request, found, len(found))

    async def service_operations(self, request: Request) -> Response:
        service = request.path_params["service"]
        found = await self.ask(request, lambda budget: self.traces.operations(service, None, budget))
        names = sorted({one.name for one in found})
        return self._reply(request, names, len(names))

    async def operations(self, request: Request) -> Response:
        service = _service(request)
        kind = params.kind(request.query_params.get("spanKind", ""))
        found = await self.ask(request, lambda budget: self.traces.operations(service, kind, budget))
        return self._reply(request, reply_v1.operations(found), len(found))

    async def search(self, request: Request) -> Response:
        ids = request.query_params.getlist("traceID")
        if ids:
            return await self._by_ids(request, ids)
        query = params.search_v1(request.query_params)
        found = await self.ask(request, lambda budget: self.traces.find(query, budget))
        reply = self._reply(request, [reply_v1.trace(spans) for spans in found.traces], len(found.traces))
        reply.headers.update(cut_off_headers(found.cut_off))
        return reply

    async def _by_ids(self, request: Request, ids: list[str]) -> Response:
        wanted = {text: trace_id(text) for text in ids}
        found = await self.ask(request, lambda budget: self.traces.by_ids(list(wanted.values()), budget))
        data = [reply_v1.trace(found[raw]) for raw in dict.fromkeys(wanted.values()) if raw in found]
        errors = [reply_v1.missing(text) for text, raw in wanted.items() if raw not in found]
        return self._reply(request, data, len(data), errors or None)

    async def trace(self, request: Request) -> Response:
        text = request.path_params["trace_id"]
        wanted = trace_id(text)
        # start and end are hints: Grafana sends them in another unit than Jaeger reads.
        spans = await self.ask(request, lambda budget: self.traces.trace(wanted, budget))
        if not spans:
            return reply_v1.envelope(None, 0, [reply_v1.missing(text)], status=404)
        return self._reply(request, [reply_v1.trace(spans)])

    async def dependencies(self, request: Request) -> Response:
        start_ns, end_ns = params.dependencies(request.query_params)
        service = request.query_params.get("service", "")
        edges = await self.ask(request, lambda budget: self.traces.edges(start_ns, end_ns, budget))
        some = [edge for edge in edges if not service or service in (edge.parent, edge.child)]
        return self._reply(request, reply_v1.dependencies(some), len(some))

    async def metrics(self, request: Request) -> Response:
        name = request.path_params["measure"]
        if name not in set(Measure):
            raise RequestError(f"there are no metrics {name[:32]!r}: ask {', '.join(Measure)}", 404)
        query = params.red(request.query_params)
        found = await self.ask(request, lambda budget: measure(self.spans, Measure(name), query, budget))
        return reply_v1.metric_family(Measure(name), query, found)

    async def transform(self, request: Request) -> Response:
        try:
            document = json.loads(await request.body())
        except (ValueError, RecursionError):
            raise RequestError("the body is no JSON") from None
        traces: dict[bytes, list[Span]] = {}
        for span in spans_of(document):
            traces.setdefault(span.trace_id, []).append(span)
        data = [reply_v1.trace(spans) for spans in traces.values()]
        return self._reply(request, data, len(data))


class _Version3:
    def __init__(self, spans: SpanSource, questions: Questions) -> None:
        self.found = Traces(spans)
        self.ask = questions.ask

    def answering(
        self, endpoint: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """The endpoint with errors in version 3's shape."""

        async def answer(request: Request) -> Response:
            try:
                return await endpoint(request)
            except Exception as error:  # noqa: BLE001 - the one place that gives version 3 its error shape
                return reply_v3.error(problem_of(error))

        return answer

    async def services(self, request: Request) -> Response:
        return reply_v3.json_response({"services": await self.ask(request, self.found.services)})

    async def operations(self, request: Request) -> Response:
        service = _service(request)
        text = request.query_params.get("spanKind") or request.query_params.get("span_kind") or ""
        kind = params.kind(text)
        found = await self.ask(request, lambda budget: self.found.operations(service, kind, budget))
        return reply_v3.operations(found)

    async def traces(self, request: Request) -> Response:
        query = params.search_v3(request.query_params)
        found = await self.ask(request, lambda budget: self.found.find(query, budget))
        if not found.traces:
            return reply_v3.error(Problem(404, "No traces found"))
        reply = reply_v3.traces(found.traces)
        reply.headers.update(cut_off_headers(found.cut_off))
        return reply

    async def trace(self, request: Request) -> Response:
        wanted = trace_id(request.path_params["trace_id"])
        spans = await self.ask(request, lambda budget: self.found.trace(wanted, budget))
        if not spans:
            return reply_v3.error(Problem(404, "No traces found"))
        return reply_v3.traces([spans])

    async def summaries(self, request: Request) -> Response:
        query = params.search_v3(request.query_params)
        found = await self.ask(request, lambda budget: self.found.find(query, budget))
        reply = reply_v3.summaries(found.traces)
        reply.headers.update(cut_off_headers(found.cut_off))
        return reply

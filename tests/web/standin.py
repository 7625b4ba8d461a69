"""A stand-in for Tempo: traces that a test may change, answered in the exact shapes of its API.

It understands conjunctions of plain TraceQL conditions, which is what the pages' builder writes; the language
itself is tested where it lives.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from tests.web.encode import delimited, encode
from tests.web.record import Record

KINDS = ["unspecified", "internal", "server", "client", "producer", "consumer"]
UNITS = {"ns": 1, "us": 1_000, "µs": 1_000, "ms": 1_000_000, "s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9}
CONDITION = re.compile(r'([\w.:\-/"]+)\s*(=~|!=|>=|<=|=|>|<)\s*("(?:[^"\\]|\\.)*"|[\w.\-]+)')
ORPHANS = "{ nestedSetParent = 0 }"
Spans = Iterable[Record]


def _literal(text: str) -> str | float:
    if text.startswith('"'):
        return text[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    duration = re.fullmatch(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)", text)
    if duration:
        return float(duration[1]) * UNITS[duration[2]]
    return float(text) if re.fullmatch(r"-?\d+(\.\d+)?", text) else text


def _field(span: Record, name: str) -> Any:
    fixed: dict[str, Any] = {
        "name": span.name,
        "duration": span.duration,
        "status": "error" if span.error else "unset",
        "kind": KINDS[span.kind],
        "nestedSetParent": -1 if not span.parent_id else 1,
        "trace:id": span.trace_id.hex(),
    }
    if name in fixed:
        return fixed[name]
    scope, _, key = name.partition(".")
    if scope == "resource":
        return span.resource.get(key)
    if scope == "span":
        return span.attributes.get(key)
    found = span.attributes.get(key, span.resource.get(key))
    # The guide's older name means the present one.
    return (
        span.attributes.get("http.response.status_code")
        if key == "http.status_code" and found is None
        else found
    )


_OPS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b or str(a) == str(b),
    "!=": lambda a, b: a is not None and a != b,
    ">": lambda a, b: a is not None and a > b,
    ">=": lambda a, b: a is not None and a >= b,
    "<": lambda a, b: a is not None and a < b,
    "<=": lambda a, b: a is not None and a <= b,
    "=~": lambda a, b: a is not None and re.fullmatch(b, str(a)) is not None,
}


def matcher(query: str) -> Callable[[Record], bool]:
    """Whether a span meets every condition between the first braces; ValueError is a 400."""
    # A brace inside of a string is no end.
    body = re.match(r'\s*\{((?:"(?:[^"\\]|\\.)*"|[^"}])*)\}', query)
    if not body:
        raise ValueError("parse error at line 1, col 1: syntax error: unexpected end of input")
    rest = body[1]
    # The one disjunction that the pages write: requests are what servers and consumers handle.
    rest = rest.replace("(kind = server || kind = consumer)", 'kind =~ "server|consumer"')
    conditions = [(f, _OPS[op], _literal(value)) for f, op, value in CONDITION.findall(rest)]
    left = re.sub(r"\s|&&|\|\||[()]|true", "", CONDITION.sub("", rest))
    if left:
        raise ValueError(
            f"parse error at line 1, col {query.find(left[0]) + 1}: syntax error: unexpected {left[0]!r}"
        )
    return lambda span: all(test(_field(span, name), value) for name, test, value in conditions)


class StandIn:
    """Answers for a list of traces, which may be replaced at any time."""

    def __init__(self, traces: list[list[Record]]) -> None:
        self.reset(traces)

    def reset(self, traces: list[list[Record]]) -> None:
        """Forget everything but these traces; the server goes on."""
        self.traces = {spans[0].trace_id.hex(): spans for spans in traces}
        self.failing: str | None = None
        self.token: str | None = None

    def app(self) -> Starlette:
        """Tempo's API."""
        routes = {
            "/api/search": self.search,
            "/api/v2/search/tags": self.tags,
            "/api/v2/search/tag/{tag:path}/values": self.values,
            "/api/metrics/query_range": self.query_range,
            "/api/metrics/query": self.query_instant,
            "/api/v2/traces/{id}": self.trace,
            "/api/traces/{id}": self.trace,
        }
        return Starlette(routes=[Route(path, endpoint) for path, endpoint in routes.items()])

    async def search(self, request: Request) -> Response:
        p = request.query_params
        if self.token and request.headers.get("authorization") != f"Bearer {self.token}":
            return PlainTextResponse("send the token as 'Authorization: Bearer TOKEN'", 401)
        if self.failing:
            return PlainTextResponse(self.failing, 500)
        try:
            matches = matcher(p["q"])
        except ValueError as error:
            return PlainTextResponse(str(error), 400)
        start, end = int(p["start"]) * 10**9, int(p["end"]) * 10**9
        found = []
        for trace_id, spans in self.traces.items():
            inside = _unreached(spans) if p["q"].startswith(ORPHANS) else filter(matches, spans)
            hits = [s for s in inside if start <= s.start < end]
            if hits:
                found.append(self._summary(trace_id, spans, hits, int(p.get("spss", 3))))
        found.sort(key=lambda t: int(t["startTimeUnixNano"]), reverse=True)
        metrics = {"inspectedTraces": len(self.traces), "inspectedBytes": "1"}
        return JSONResponse({"traces": found[: int(p["limit"])], "metrics": metrics})

    def _summary(self, trace_id: str, spans: list[Record], hits: list[Record], spss: int) -> dict[str, Any]:
        root = next((s for s in spans if not s.parent_id), None)
        stats: dict[str, dict[str, int]] = defaultdict(lambda: {"spanCount": 0})
        for span in spans:
            stats[span.service]["spanCount"] += 1
            if span.error:
                stats[span.service]["errorCount"] = stats[span.service].get("errorCount", 0) + 1
        first, last = min(s.start for s in spans), max(s.start + s.duration for s in spans)
        shown = [
            {
                "spanID": s.span_id.hex(),
                "name": s.name,
                "startTimeUnixNano": str(s.start),
                "durationNanos": str(s.duration),
            }
            for s in hits[:spss]
        ]
        return {
            "traceID": trace_id.lstrip("0"),
            "rootServiceName": root.service if root else "<root span not yet received>",
            "rootTraceName": root.name if root else "",
            "startTimeUnixNano": str(first),
            "durationMs": (last - first) // 1_000_000,
            "spanSets": [{"spans": shown, "matched": len(hits)}],
            "serviceStats": stats,
        }

    async def tags(self, _: Request) -> Response:
        span, resource = set[str](), set[str]()
        for one in self._spans():
            span |= one.attributes.keys()
            resource |= one.resource.keys()
        scopes = [
            {"name": "span", "tags": sorted(span)},
            {"name": "resource", "tags": sorted(resource)},
            {"name": "intrinsic", "tags": ["duration", "kind", "name", "status"]},
        ]
        return JSONResponse({"scopes": scopes, "metrics": {}})

    async def values(self, request: Request) -> Response:
        tag = request.path_params["tag"]
        counts = Counter(value for s in self._spans() if (value := _field(s, tag)) is not None)
        kind = {int: "int", float: "float", bool: "bool"}
        return JSONResponse(
            {
                "tagValues": [
                    {
                        "type": "keyword" if tag in {"status", "kind"} else kind.get(type(value), "string"),
                        "value": str(value).lower() if isinstance(value, bool) else str(value),
                    }
                    for value, _ in counts.most_common()
                ],
                "metrics": {},
            }
        )

    def _spans(self) -> Iterable[Record]:
        return (span for spans in self.traces.values() for span in spans)

    async def trace(self, request: Request) -> Response:
        trace_id = request.path_params["id"].zfill(32)
        spans = self.traces.get(trace_id)
        if spans is None:
            return PlainTextResponse("trace not found", 404)
        body = encode(spans).SerializeToString()
        if request.url.path.startswith("/api/v2") or "/api/v2/" in request.url.path:
            body = delimited(1, body)
        return Response(body, media_type="application/protobuf")

    async def query_range(self, request: Request) -> Response:
        p = request.query_params
        query = p["q"]
        try:
            matches = matcher(query)
        except ValueError as error:
            return PlainTextResponse(str(error), 400)
        step = int(p["step"].rstrip("s"))
        start, end = int(p["start"]), int(p["end"])
        spans = [s for s in self._spans() if start <= s.start / 1e9 < end and matches(s)]

        def slot(span: Record) -> int:
            return math.ceil(span.start / 1e9 / step) * step

        if "histogram_over_time" in query:
            return _series(spans, slot, lambda s: [("__bucket", 2 ** math.ceil(math.log2(s.duration)) / 1e9)])
        by = re.search(r"by\s*\(([^)]*)\)", query)
        names = [n.strip() for n in by[1].split(",")] if by else []
        quantiles = re.search(r"quantile_over_time\(duration,([^)]*)\)", query)
        if quantiles:
            return _quantiles(spans, slot, names, [float(q) for q in quantiles[1].split(",")])
        divide = step if "rate()" in query else 1
        return _series(
            spans,
            slot,
            lambda s: [(n, _field(s, n)) for n in names],
            divide,
            exemplars=int(p.get("exemplars", 0)),
        )

    async def query_instant(self, request: Request) -> Response:
        p = request.query_params
        query, seconds = p["q"], int(p["end"]) - int(p["start"])
        matches = matcher(query)
        start, end = int(p["start"]), int(p["end"])
        by = re.search(r"by\s*\(([^)]*)\)", query)
        names = [n.strip() for n in by[1].split(",")] if by else []
        groups: dict[tuple[Any, ...], list[int]] = defaultdict(list)
        for span in self._spans():
            if start <= span.start / 1e9 < end and matches(span):
                groups[tuple(_field(span, n) for n in names)].append(span.duration)
        series = []
        for key, durations in groups.items():
            labels = [_label(n, v) for n, v in zip(names, key, strict=True)]
            ordered = sorted(durations)
            if "quantile_over_time" in query:
                for q in (0.5, 0.95, 0.99):
                    value = ordered[min(len(ordered) - 1, int(q * len(ordered)))] / 1e9
                    series.append({"labels": [*labels, _label("p", q)], "value": value})
            else:
                value = sum(ordered) / 1e9 if "sum_over_time" in query else len(ordered) / seconds
                series.append({"labels": labels, "value": value})
        return JSONResponse({"series": series, "metrics": {}})


def _unreached(spans: list[Record]) -> list[Record]:
    """Spans without a way to the root, which is where Tempo begins to number them."""
    reached = {s.span_id for s in spans if not s.parent_id}
    left = [s for s in spans if s.parent_id]
    while found := {s.span_id for s in left if s.parent_id in reached}:
        reached |= found
        left = [s for s in left if s.span_id not in found]
    return left


def _label(key: str, value: Any) -> dict[str, Any]:
    kind = "doubleValue" if isinstance(value, float) else "stringValue"
    return {"key": key, "value": {kind: value}}


def _samples(counts: Counter[int], divide: float = 1) -> list[dict[str, Any]]:
    return [{"timestampMs": str(t * 1000), "value": n / divide} for t, n in sorted(counts.items())]


def _series(
    spans: Spans,
    slot: Callable[[Record], int],
    labels: Callable[[Record], list[tuple[str, Any]]],
    divide: float = 1,
    exemplars: int = 0,
) -> Response:
    groups: dict[tuple[tuple[str, Any], ...], Counter[int]] = defaultdict(Counter)
    seen: dict[tuple[tuple[str, Any], ...], list[Record]] = defaultdict(list)
    for span in spans:
        key = tuple(labels(span))
        groups[key][slot(span)] += 1
        seen[key].append(span)
    return JSONResponse(
        {
            "series": [
                {
                    "labels": [_label(k, v) for k, v in key],
                    "samples": _samples(counts, divide),
                    "exemplars": [_exemplar(s) for s in seen[key][:exemplars]],
                }
                for key, counts in groups.items()
            ],
            "metrics": {},
        }
    )


def _exemplar(span: Record) -> dict[str, Any]:
    return {
        "labels": [_label("trace:id", span.trace_id.hex())],
        "value": span.duration / 1e9,
        "timestampMs": str(span.start // 1_000_000),
    }


def _quantiles(
    spans: Spans, slot: Callable[[Record], int], names: list[str], wanted: list[float]
) -> Response:
    groups: dict[tuple[Any, ...], dict[int, list[Record]]] = defaultdict(lambda: defaultdict(list))
    for span in spans:
        groups[tuple(_field(span, n) for n in names)][slot(span)].append(span)
    series = []
    for key, slots in groups.items():
        for q in wanted:
            samples, exemplars = [], []
            for at, members in sorted(slots.items()):
                ordered = sorted(members, key=lambda s: s.duration)
                one = ordered[min(len(ordered) - 1, int(q * len(ordered)))]
                samples.append({"timestampMs": str(at * 1000), "value": one.duration / 1e9})
                exemplars.append(_exemplar(one))
            labels = [_label(n, v) for n, v in zip(names, key, strict=True)]
            series.append({"labels": [*labels, _label("p", q)], "samples": samples, "exemplars": exemplars})
    return JSONResponse({"series": series, "metrics": {}})

"""Every kind of request that the pages, Grafana's data sources and the Jaeger page make."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote, urlencode

PROTOBUF = "application/protobuf"
SERVED = "kind = server || kind = consumer"


@dataclass(frozen=True, slots=True)
class Window:
    """The hour that is asked about, in seconds."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Question:
    """One kind of request.

    Attributes:
        api: whose: the attribute of `Receiver` that holds its port.
        label: what it asks, as the table shows it.
        paths: the requests, asked in turn.
        accept: the content type that is wanted.
    """

    api: str
    label: str
    paths: Sequence[str]
    accept: str = "application/json"


def questions(known: Sequence[bytes], window: Window) -> list[Question]:
    """All of them.

    Args:
        known: ids of traces that are there.
        window: when they began.
    """
    return [*_tempo(known, window), *_jaeger(known, window), *_prometheus(window)]


def _tempo(known: Sequence[bytes], window: Window) -> list[Question]:
    ids = [one.hex() for one in known]
    seconds = {"start": window.start, "end": window.end}

    def ask(label: str, path: str, **values: object) -> Question:
        return Question("tempo", label, [f"{path}?{urlencode({**values, **seconds}, quote_via=quote)}"])

    def search(label: str, query: str) -> Question:
        return ask(f"search: {label}", "/api/search", q=query, limit=20)

    def ranged(label: str, query: str, **values: object) -> Question:
        return ask(f"range: {label}", "/api/metrics/query_range", q=query, step="30s", **values)

    def instant(label: str, query: str) -> Question:
        return ask(f"instant: {label}", "/api/metrics/query", q=query)

    names, values = "/api/v2/search/tags", "/api/v2/search/tag/{}/values"
    by_service = "by (resource.service.name)"
    slowest = "{ kind = server } | compare({ status = error })"
    quantiles = f"{{ {SERVED} }} | quantile_over_time(duration, .5, .95, .99)"
    return [
        Question("tempo", "trace by id, v1 JSON", [f"/api/traces/{one}" for one in ids]),
        Question("tempo", "trace by id, v1 protobuf", [f"/api/traces/{one}" for one in ids], PROTOBUF),
        Question("tempo", "trace by id, v2 JSON", [f"/api/v2/traces/{one}" for one in ids]),
        Question("tempo", "trace by id, v2 protobuf", [f"/api/v2/traces/{one}" for one in ids], PROTOBUF),
        search("everything", "{ }"),
        search("a service", '{ resource.service.name = "auth" }'),
        search("a common value", '{ span.tenant = "tenant-7" }'),
        search("a rare value", '{ span.user.id = "user-77" }'),
        search("an absent value", '{ span.user.id = "nobody" }'),
        search("a pattern", '{ name =~ "GET /api/v1/.*" && status = error }'),
        search("an older name", "{ .http.status_code = 500 }"),
        search("slow traces", "{ traceDuration > 55ms && duration > 45ms }"),
        search("structure", '{ resource.service.name = "gateway" } >> { status = error && kind = client }'),
        search("grouped", "{ status = error } | by(resource.service.name) | count() > 1"),
        ask("tags", names, limit=5000),
        ask("tags of one scope", names, scope="span", limit=5000),
        ask("values", values.format("resource.service.name"), limit=1000),
        ask("values, many", values.format("span.user.id"), limit=1000),
        ask("values with a query", values.format("name"), q='{ resource.service.name = "auth" }', limit=1000),
        ask("values, half a query", values.format("span.http.route"), q="{ status = error && ", limit=1000),
        ranged("rate by service", f"{{ {SERVED} }} | rate() {by_service}"),
        ranged("failed by service", f"{{ ({SERVED}) && status = error }} | rate() {by_service}"),
        ranged("quantiles", quantiles),
        ranged("quantiles with exemplars", quantiles, exemplars=60),
        ranged("quantiles by service", f"{quantiles} {by_service}"),
        ranged("heatmap", f"{{ {SERVED} }} | histogram_over_time(duration)"),
        ranged("largest", f"{{ }} | avg_over_time(duration) {by_service} | topk(3)"),
        ranged("compare", slowest),
        instant("rate by service", f"{{ {SERVED} }} | rate() {by_service}"),
        instant("quantiles by service", f"{quantiles} {by_service}"),
        instant("compare", slowest),
    ]


def _jaeger(known: Sequence[bytes], window: Window) -> list[Question]:
    ids = [one.hex() for one in known]
    micros = {"start": window.start * 1_000_000, "end": window.end * 1_000_000, "limit": 20}
    late = {"endTs": window.end * 1000, "lookback": 3_600_000}

    def ask(label: str, path: str, **values: object) -> Question:
        return Question("jaeger", label, [f"{path}?{urlencode(values)}" if values else path])

    def search(label: str, **values: object) -> Question:
        return ask(f"search: {label}", "/api/traces", **values, **micros)

    times = {
        f"query.startTime{side}": datetime.fromtimestamp(second, UTC).isoformat()
        for side, second in (("Min", window.start), ("Max", window.end))
    }
    summaries = {**times, "query.serviceName": "auth", "query.searchDepth": 20}
    return [
        ask("services", "/api/services"),
        ask("operations", "/api/services/auth/operations"),
        Question("jaeger", "trace", [f"/api/traces/{one}" for one in ids]),
        search("a service", service="auth"),
        search("an operation", service="auth", operation="GET /token"),
        search("a rare tag", service="auth", tags='{"user.id": "user-77"}'),
        search("errors", service="auth", tags='{"error": "true"}'),
        search("slow", service="auth", minDuration="49ms"),
        ask("summaries (v3)", "/api/v3/trace-summaries", **summaries),
        ask("dependencies", "/api/dependencies", **late),
        ask("latencies", "/api/metrics/latencies", service="auth", quantile=0.95, step=60_000, **late),
        ask("calls by operation", "/api/metrics/calls", service="auth", groupByOperation="true", **late),
    ]


def _prometheus(window: Window) -> list[Question]:
    seconds = {"start": window.start, "end": window.end}

    def ask(label: str, path: str, **values: object) -> Question:
        return Question("prometheus", label, [f"/api/v1/{path}?{urlencode(values)}"])

    def ranged(label: str, query: str) -> Question:
        return ask(f"range: {label}", "query_range", query=query, step=15, **seconds)

    bucket = "traces_spanmetrics_latency_bucket"
    graph = "sum by (client, server) (rate(traces_service_graph_request_total[3600s]))"
    return [
        ranged("rate", "sum by (service) (rate(traces_spanmetrics_calls_total[1m]))"),
        ranged("quantile", f"histogram_quantile(0.95, sum by (service, le) (rate({bucket}[1m])))"),
        ranged(
            "share of errors",
            'sum by (service) (rate(traces_spanmetrics_calls_total{status_code="STATUS_CODE_ERROR"}[1m]))'
            " / sum by (service) (rate(traces_spanmetrics_calls_total[1m]))",
        ),
        ask("instant: service graph", "query", query=graph, time=window.end),
        ask("series", "series", **{"match[]": bucket}, limit=40_000, **seconds),
        ask("labels", "labels", limit=40_000, **seconds),
        ask("values", "label/service/values", limit=40_000, **seconds),
        ask("metadata", "metadata"),
        ask("exemplars", "query_exemplars", query=bucket, **seconds),
    ]

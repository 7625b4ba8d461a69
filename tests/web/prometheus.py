"""The stand-in's Prometheus: answers of two small services, shifted to the range that is asked for."""

from __future__ import annotations

import math
import re
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

NAMES = [
    "http_server_active_requests",
    "http_server_request_duration_seconds_bucket",
    "http_server_request_duration_seconds_count",
    "http_server_request_duration_seconds_sum",
    "otel_sdk_exporter_span_exported_total",
    "process_cpu_time_seconds_total",
    "process_memory_usage_bytes",
    "temponest_telemetry_cpu_time_seconds_total",
]
JOBS = ["temponest-agents", "temponest-auth"]
LABELS = {"job": JOBS, "http_route": ["/api/v1/agents", "/api/v1/login"], "le": ["0.005", "0.01", "+Inf"]}
# What a service of the demo reports of itself, per second.
RATES = {
    "temponest_telemetry_cpu_time_seconds_total": 0.0021,
    "process_cpu_time_seconds_total": 0.31,
    "otel_sdk_exporter_span_exported_total": 182.0,
    "otel_sdk_processor_span_processed_total": 0.0,
}


class PrometheusStandIn:
    """Answers about NAMES; `exemplars` are (unix seconds, seconds, trace id)."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget what an earlier test had put in or asked for."""
        self.exemplars: list[tuple[float, float, str]] = []
        self.edges: list[tuple[str, str, float, float]] = []
        self.asked: list[str] = []

    def app(self) -> Starlette:
        """Prometheus' API."""
        routes = {
            "/api/v1/query": self.query,
            "/api/v1/query_range": self.query_range,
            "/api/v1/query_exemplars": self.query_exemplars,
            "/api/v1/labels": self.labels,
            "/api/v1/label/{name}/values": self.values,
        }
        return Starlette(routes=[Route(path, endpoint) for path, endpoint in routes.items()])

    async def query(self, request: Request) -> Response:
        query, time = request.query_params["query"], float(request.query_params["time"])
        if "service_graph" in query:
            column = 3 if "failed" in query else 2
            found = [
                ({"client": e[0], "server": e[1]}, 0.02 if "quantile" in query else e[column])
                for e in self.edges
            ]
        else:
            found = [({"job": job}, v) for job in JOBS for name, v in RATES.items() if name in query and v]
        result = [{"metric": labels, "value": [time, str(value)]} for labels, value in found]
        return _answer({"resultType": "vector", "result": result})

    async def query_range(self, request: Request) -> Response:
        p = request.query_params
        self.asked.append(p["query"])
        if p["query"].count("(") != p["query"].count(")"):
            body = {
                "status": "error",
                "errorType": "bad_data",
                "error": "1:9: parse error: unclosed left parenthesis",
            }
            return JSONResponse(body, 400)
        start, end, step = float(p["start"]), float(p["end"]), float(p["step"])
        times = [start + i * step for i in range(int((end - start) / step) + 1)]
        known = any(name in p["query"] for name in NAMES)
        result = [
            {"metric": {"job": job}, "values": [[t, f"{_wave(p['query'], t, i):.6g}"] for t in times]}
            for i, job in enumerate(JOBS if known else [])
        ]
        return _answer({"resultType": "matrix", "result": result})

    async def query_exemplars(self, request: Request) -> Response:
        if "duration" not in request.query_params["query"]:
            return _answer([])
        exemplars = [
            {"labels": {"trace_id": i}, "value": str(v), "timestamp": t} for t, v, i in self.exemplars
        ]
        return _answer([{"seriesLabels": {"job": JOBS[0]}, "exemplars": exemplars}])

    async def labels(self, _: Request) -> Response:
        return _answer(["__name__", *LABELS])

    async def values(self, request: Request) -> Response:
        name = request.path_params["name"]
        return _answer(NAMES if name == "__name__" else LABELS.get(re.sub(r"\W", "", name), []))


# About how large the values of a query are, by a word of it.
SIZES = {"memory": 61e6, "_count": 4.2, "cpu": 0.06}


def _wave(query: str, time: float, index: int) -> float:
    """A value that moves as load does: slow waves under quick ones, never the same for two series."""
    size = next((size for word, size in SIZES.items() if word in query), 0.02)
    shape = sum(math.sin(time / period + index * period) / part for period, part in WAVES)
    return size * (1 + 0.6 * index + (0.02 if "memory" in query else 0.16) * shape)


# Seconds a turn, and by how much smaller than the value it is.
WAVES = ((640.0, 1.0), (171.0, 1.8), (37.0, 3.1), (13.0, 4.0))


def _answer(data: Any) -> Response:
    return JSONResponse({"status": "success", "data": data})

"""The stand-in's Prometheus: two small services, the same at any time, and no service graph."""

from __future__ import annotations

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
# What a service of the demo reports of itself, per second.
RATES = {
    "temponest_telemetry_cpu_time_seconds_total": 0.0021,
    "process_cpu_time_seconds_total": 0.31,
    "otel_sdk_exporter_span_exported_total": 182.0,
}


def create_app() -> Starlette:
    """Prometheus' API, as far as it is asked."""
    routes = {
        "/api/v1/query": _query,
        "/api/v1/query_range": _query_range,
        "/api/v1/query_exemplars": _none,
        "/api/v1/labels": _none,
        "/api/v1/label/__name__/values": _names,
        "/api/v1/label/{name}/values": _none,
    }
    return Starlette(routes=[Route(path, endpoint) for path, endpoint in routes.items()])


async def _query(request: Request) -> Response:
    query, time = request.query_params["query"], float(request.query_params["time"])
    values = [value for name, value in RATES.items() if name in query]
    result = [{"metric": {"job": job}, "value": [time, str(v)]} for job in JOBS for v in values]
    return _answer({"resultType": "vector", "result": result})


async def _query_range(request: Request) -> Response:
    p = request.query_params
    times = range(int(float(p["start"])), int(float(p["end"])) + 1, int(float(p["step"])))
    jobs = JOBS if any(name in p["query"] for name in NAMES) else []
    result = [
        {"metric": {"job": job}, "values": [[t, f"{0.02 * (i + 1)}"] for t in times]}
        for i, job in enumerate(jobs)
    ]
    return _answer({"resultType": "matrix", "result": result})


async def _names(_: Request) -> Response:
    return _answer(NAMES)


async def _none(_: Request) -> Response:
    return _answer([])


def _answer(data: Any) -> Response:
    return JSONResponse({"status": "success", "data": data})

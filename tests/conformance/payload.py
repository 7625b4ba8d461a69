"""The trace that the steps send: two services, an error, a link, an event, ids and times of one's choice."""

from __future__ import annotations

import base64
import time
from typing import Any

from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

SECOND = 1_000_000_000
ID_KEYS = ("traceId", "spanId", "parentSpanId")


def attribute(key: str, **value: Any) -> dict[str, Any]:
    return {"key": key, "value": value}


def trace(number: int, *, start_ns: int | None = None, tag: str = "") -> dict[str, Any]:
    """OTLP JSON of one trace: `front` calls `back`, which fails. `tag` sets `test.case` on every span."""
    trace_id = f"{number:032x}"
    start = start_ns or time.time_ns() - 5 * SECOND
    case = [attribute("test.case", stringValue=tag)] if tag else []

    def span(
        number: int, parent: int, name: str, kind: int, at: int, takes: int, **more: Any
    ) -> dict[str, Any]:
        attributes = [*more.pop("attributes", []), *case]
        return {
            "traceId": trace_id,
            "spanId": f"{number:016x}",
            **({"parentSpanId": f"{parent:016x}"} if parent else {}),
            "name": name,
            "kind": kind,
            "startTimeUnixNano": str(start + at),
            "endTimeUnixNano": str(start + at + takes),
            "attributes": attributes,
            **more,
        }

    def service(name: str, *spans: dict[str, Any]) -> dict[str, Any]:
        return {
            "resource": {"attributes": [attribute("service.name", stringValue=name)]},
            "scopeSpans": [{"scope": {"name": "steps", "version": "1"}, "spans": list(spans)}],
        }

    return {
        "resourceSpans": [
            service(
                "front",
                span(1, 0, "GET /", 2, 0, 2 * SECOND),
                span(
                    2,
                    1,
                    "POST",
                    3,
                    SECOND // 2,
                    SECOND,
                    attributes=[attribute("http.response.status_code", intValue="500")],
                ),
            ),
            service(
                "back",
                span(
                    3,
                    2,
                    "POST /pay",
                    2,
                    SECOND,
                    SECOND // 4,
                    status={"code": 2, "message": "no answer"},
                    attributes=[attribute("http.response.status_code", intValue="500")],
                    events=[
                        {
                            "timeUnixNano": str(start + SECOND + 1),
                            "name": "exception",
                            "attributes": [attribute("exception.type", stringValue="Timeout")],
                        }
                    ],
                    links=[{"traceId": f"{number + 1:032x}", "spanId": f"{1:016x}"}],
                ),
            ),
        ]
    }


def histogram(name: str, trace: int, time_ns: int) -> dict[str, Any]:
    """OTLP JSON of a histogram of two measurements by `front`; one has an exemplar of the trace."""
    exemplar = {
        "timeUnixNano": str(time_ns),
        "asDouble": 0.7,
        "traceId": f"{trace:032x}",
        "spanId": f"{1:016x}",
    }
    point = {
        "startTimeUnixNano": str(time_ns - 60 * SECOND),
        "timeUnixNano": str(time_ns),
        "count": "2",
        "sum": 0.9,
        "bucketCounts": ["1", "1", "0"],
        "explicitBounds": [0.5, 1.0],
        "attributes": [attribute("http.route", stringValue="/pay")],
        "exemplars": [exemplar],
    }
    one = {
        "name": name,
        "unit": "s",
        "description": "How long it took",
        "histogram": {"aggregationTemporality": 2, "dataPoints": [point]},
    }
    resource = {"attributes": [attribute("service.name", stringValue="front")]}
    return {"resourceMetrics": [{"resource": resource, "scopeMetrics": [{"metrics": [one]}]}]}


def protobuf(body: dict[str, Any]) -> ExportTraceServiceRequest:
    """OTLP JSON as a message: its ids are hexadecimal, where protobuf's own JSON has base64."""
    return json_format.ParseDict(_base64_ids(body), ExportTraceServiceRequest())


def _base64_ids(value: Any) -> Any:
    if isinstance(value, list):
        return [_base64_ids(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    return {
        key: base64.b64encode(bytes.fromhex(inner)).decode() if key in ID_KEYS else _base64_ids(inner)
        for key, inner in value.items()
    }

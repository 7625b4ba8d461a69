"""Answers → Jaeger's version 3 JSON: OTLP inside `result`, errors as gRPC gateways write them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import Any

from starlette.responses import Response

from ...model.source import Operation
from ...model.span import Span, Status
from ..errors import Problem
from ..otlp import OTLP_JSON, resource_spans_json
from .reply_v1 import kind_word

Json = dict[str, Any]


def json_response(body: Json, status: int = 200) -> Response:
    """A JSON reply."""
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Response(content.encode("utf-8", "replace"), status, media_type="application/json")


def error(problem: Problem) -> Response:
    """An error with its status."""
    return json_response({"error": {"httpCode": problem.status, "message": problem.message}}, problem.status)


def operations(found: Iterable[Operation]) -> Response:
    """Operations with their kinds; the interface has no unspecified kind, so that one is internal."""
    return json_response(
        {"operations": [{"name": one.name, "spanKind": kind_word(one.kind) or "internal"} for one in found]}
    )


def traces(found: Iterable[Sequence[Span]]) -> Response:
    """Traces as OTLP JSON, each with its own groups."""
    groups = [group for spans in found for group in resource_spans_json(spans, OTLP_JSON)]
    return json_response({"result": {"resourceSpans": groups}})


def summaries(found: Iterable[Sequence[Span]]) -> Response:
    """One line a trace."""
    return json_response({"summaries": [_summary(spans) for spans in found]})


def _summary(spans: Sequence[Span]) -> Json:
    ids = {span.span_id for span in spans}
    services: dict[str, Json] = {}
    for span in spans:
        name = span.resource.service_name
        stats = services.setdefault(name, {"name": name, "spanCount": 0, "errorSpanCount": 0})
        stats["spanCount"] += 1
        stats["errorSpanCount"] += span.status == Status.ERROR
    roots = [span for span in spans if not span.parent_span_id]
    root = min(roots, key=lambda span: span.start_ns, default=None)
    return {
        "traceId": spans[0].trace_id.hex(),
        "rootServiceName": root.resource.service_name if root else "",
        "rootOperationName": root.name if root else "",
        "minStartTimeUnixNano": str(min(span.start_ns for span in spans)),
        "maxEndTimeUnixNano": str(max(span.end_ns for span in spans)),
        "spanCount": len(spans),
        "errorSpanCount": sum(span.status == Status.ERROR for span in spans),
        "orphanSpanCount": sum(
            bool(span.parent_span_id) and span.parent_span_id not in ids for span in spans
        ),
        "services": [services[name] for name in sorted(services)],
    }

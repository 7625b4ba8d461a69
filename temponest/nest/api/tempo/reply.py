"""Answers → the shapes of Tempo's API. Clients decode them strictly: no field that Tempo's proto lacks.

`metrics.completedJobs < metrics.totalJobs` says that a search stopped before it had read everything; the
header `TempoNest-Cut-Off` says why (limit or time).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from starlette.responses import Response

from ...model.span import Span, Value
from ...traceql.engine import CutOff, MatchedSet, SearchResult, TraceMatch
from ...traceql.intervals import Intervals
from ...traceql.metrics import MetricsResult
from ...traceql.series import Exemplar
from ..errors import Problem
from ..otlp import PROTOBUF_JSON, any_value, number, resource_spans_json, resource_spans_messages
from ..server import cut_off_headers
from ..wire import length_delimited

Json = dict[str, Any]
MISSING_ROOT = "<root span not yet received>"


def json_response(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON reply."""
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Response(content.encode("utf-8", "replace"), status, headers, media_type="application/json")


def error(problem: Problem) -> Response:
    """Errors are plain text, which Grafana shows as it is."""
    return Response(problem.message + "\n", problem.status, media_type="text/plain")


def search(result: SearchResult) -> Response:
    """The reply of /api/search."""
    body = {
        "traces": [_trace(match) for match in result.traces],
        "metrics": {
            "inspectedTraces": result.inspected_traces,
            **_jobs(result.cut_off),
        },
    }
    return json_response(body, headers=cut_off_headers(result.cut_off))


def _trace(match: TraceMatch) -> Json:
    sets = [_spanset(spanset) for spanset in match.spansets]
    return {
        "traceID": match.trace_id.hex().lstrip("0") or "0",
        "rootServiceName": match.root_service or MISSING_ROOT,
        "rootTraceName": match.root_name,
        "startTimeUnixNano": str(match.start_ns),
        "durationMs": min(match.duration_ns // 1_000_000, 2**32 - 1),
        # The deprecated single set: clients older than Tempo 2.2 read nothing else.
        "spanSet": sets[0],
        "spanSets": sets,
        "serviceStats": {
            service: {"spanCount": stats.spans, **({"errorCount": stats.errors} if stats.errors else {})}
            for service, stats in match.services.items()
        },
    }


def _spanset(spanset: MatchedSet) -> Json:
    message: Json = {
        "spans": [
            {
                "spanID": one.span.span_id.hex(),
                "name": one.span.name,
                "startTimeUnixNano": str(one.span.start_ns),
                "durationNanos": str(one.span.duration_ns),
                **({"attributes": _key_values(one.fields)} if one.fields else {}),
            }
            for one in spanset.spans
        ],
        "matched": spanset.matched,
    }
    if spanset.attributes:
        message["attributes"] = _key_values(spanset.attributes)
    return message


def _key_values(pairs: Iterable[tuple[str, Value]]) -> list[Json]:
    return [{"key": key, "value": any_value(value)} for key, value in pairs]


def trace_json(spans: Sequence[Span], *, v2: bool) -> Response:
    """A trace as JSON: `trace.resourceSpans` in v2, `batches` in v1, spelled as protobuf's JSON."""
    groups = resource_spans_json(spans, PROTOBUF_JSON)
    return json_response({"trace": {"resourceSpans": groups}, "metrics": {}} if v2 else {"batches": groups})


def trace_protobuf(spans: Sequence[Span], *, v2: bool) -> Response:
    """A trace as protobuf: `TraceByIDResponse` with field 1 always there in v2, `Trace` in v1."""
    trace = b"".join(
        length_delimited(1, message.SerializeToString()) for message in resource_spans_messages(spans)
    )
    return Response(length_delimited(1, trace) if v2 else trace, media_type="application/protobuf")


def tags_v2(scopes: Mapping[str, Sequence[str]]) -> Response:
    """The reply of /api/v2/search/tags."""
    found = [{"name": scope, "tags": list(tags)} for scope, tags in scopes.items() if tags]
    return json_response({"scopes": found, "metrics": {}})


def tags_v1(names: Iterable[str]) -> Response:
    """The reply of /api/search/tags."""
    return json_response({"tagNames": sorted(set(names)), "metrics": {}})


def values_v2(values: Iterable[tuple[str, str]]) -> Response:
    """The reply of /api/v2/search/tag/.../values: (type, value) pairs."""
    pairs = [{"type": kind, "value": value} for kind, value in values]
    return json_response({"tagValues": pairs, "metrics": {}})


def values_v1(values: Iterable[tuple[str, str]]) -> Response:
    """The reply of /api/search/tag/.../values."""
    return json_response({"tagValues": [value for _, value in values], "metrics": {}})


def query_range(result: MetricsResult, intervals: Intervals) -> Response:
    """The reply of /api/metrics/query_range."""
    body: Json = {
        "series": [
            {
                "labels": _key_values(one.labels),
                "samples": [
                    {"timestampMs": str(intervals.time_ms(index)), "value": number(value)}
                    for index, value in enumerate(one.values.tolist())
                    if not math.isnan(value)
                ],
                **({"exemplars": [_exemplar(each) for each in one.exemplars]} if one.exemplars else {}),
            }
            for one in result.series
        ],
        "metrics": _jobs(result.cut_off),
    }
    if result.cut_off:
        body["status"] = "PARTIAL"
        body["message"] = f"stopped at the limit of {result.cut_off.value}"
    return json_response(body, headers=cut_off_headers(result.cut_off))


def query_instant(result: MetricsResult) -> Response:
    """The reply of /api/metrics/query: one value a series, and nothing that older clients do not know."""
    series = [
        {"labels": _key_values(one.labels), "value": number(float(one.values[0]))}
        for one in result.series
        if not math.isnan(one.values[0])
    ]
    return json_response(
        {"series": series, "metrics": _jobs(result.cut_off)}, headers=cut_off_headers(result.cut_off)
    )


def _exemplar(exemplar: Exemplar) -> Json:
    return {
        "labels": _key_values([("trace:id", exemplar.trace_id.hex()), ("span:id", exemplar.span_id.hex())]),
        "value": number(exemplar.value),
        "timestampMs": str(exemplar.time_ms),
    }


def _jobs(cut_off: CutOff | None) -> Json:
    return {"completedJobs": 0 if cut_off else 1, "totalJobs": 1}

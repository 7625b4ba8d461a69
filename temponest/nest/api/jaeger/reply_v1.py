"""Answers → Jaeger's version 1 JSON: one envelope for data and errors, times in microseconds."""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from starlette.responses import Response

from ...model.source import Edge, Operation
from ...model.span import Attributes, Kind, Span, Status, Value
from ...questions.red import Measure, RedQuery, RedSeries
from ...questions.traces import text_of
from ..errors import Problem

Json = dict[str, Any]
# Browsers hold numbers as doubles: larger ones are sent as text so that no digit is lost.
MAX_SAFE_INTEGER = 2**53 - 1


def envelope(
    data: Any, total: int = 0, errors: list[Json] | None = None, *, status: int = 200, pretty: bool = False
) -> Response:
    """Jaeger's reply around any data."""
    body = {"data": data, "total": total, "limit": 0, "offset": 0, "errors": errors}
    content = json.dumps(
        body, ensure_ascii=False, indent=2 if pretty else None, separators=None if pretty else (",", ":")
    )
    return Response(content.encode("utf-8", "replace"), status, media_type="application/json")


def error(problem: Problem) -> Response:
    """An error in the envelope, with its status."""
    return envelope(None, 0, [{"code": problem.status, "msg": problem.message}], status=problem.status)


def missing(trace_id: str) -> Json:
    """The error for a trace that is not there."""
    return {"code": 404, "msg": "trace not found", "traceID": trace_id}


def operations(found: Iterable[Operation]) -> list[Json]:
    """Operations with their kinds; unspecified is an empty word."""
    return [{"name": one.name, "spanKind": kind_word(one.kind)} for one in found]


def kind_word(kind: int) -> str:
    """A kind as Jaeger spells it."""
    return Kind(kind).name.lower() if Kind.UNSPECIFIED < kind <= max(Kind) else ""


def dependencies(edges: Iterable[Edge]) -> list[Json]:
    """Calls between services."""
    return [{"parent": edge.parent, "child": edge.child, "callCount": edge.calls} for edge in edges]


def id_text(trace_id: bytes) -> str:
    """A trace id: 16 digits when its high half is zero, else 32."""
    return (trace_id[8:] if not any(trace_id[:8]) else trace_id).hex()


def trace(spans: Sequence[Span]) -> Json:
    """One trace with its processes."""
    processes: dict[str, Json] = {}
    keys: dict[int, str] = {}
    known: list[tuple[Attributes, str]] = []
    converted = []
    for span in spans:
        key = keys.get(id(span.resource))
        if key is None:
            attributes = span.resource.attributes
            key = next((name for one, name in known if one == attributes), None)
            if key is None:
                key = f"p{len(known) + 1}"
                known.append((attributes, key))
                tags = {name: value for name, value in attributes.items() if name != "service.name"}
                processes[key] = {"serviceName": span.resource.service_name, "tags": _tags(tags)}
            keys[id(span.resource)] = key
        converted.append(_span(span, key))
    return {
        "traceID": id_text(spans[0].trace_id),
        "spans": converted,
        "processes": processes,
        "warnings": None,
    }


def _span(span: Span, process: str) -> Json:
    references = []
    if span.parent_span_id:
        references.append(_reference("CHILD_OF", span.trace_id, span.parent_span_id))
    references += [_reference("FOLLOWS_FROM", link.trace_id, link.span_id) for link in span.links]
    message: Json = {
        "traceID": id_text(span.trace_id),
        "spanID": span.span_id.hex(),
        "operationName": span.name,
        "references": references,
        "startTime": span.start_ns // 1_000,
        "duration": span.duration_ns // 1_000,
        "tags": _tags(_span_tags(span)),
        "logs": [
            {
                "timestamp": event.time_ns // 1_000,
                "fields": _tags({**({"event": event.name} if event.name else {}), **event.attributes}),
            }
            for event in span.events
        ],
        "processID": process,
        "warnings": _warnings(span),
    }
    if span.flags & 0xFF:
        message["flags"] = span.flags & 0xFF
    return message


def _reference(kind: str, trace_id: bytes, span_id: bytes) -> Json:
    return {"refType": kind, "traceID": id_text(trace_id), "spanID": span_id.hex()}


def _span_tags(span: Span) -> Attributes:
    """Attributes, and before and after them what OTLP has fields for and Jaeger has not."""
    tags: Attributes = {}
    if span.scope.name:
        tags["otel.scope.name"] = span.scope.name
    if span.scope.version:
        tags["otel.scope.version"] = span.scope.version
    tags.update(span.attributes)
    if word := kind_word(span.kind):
        tags["span.kind"] = word
    if span.status == Status.ERROR:
        tags["otel.status_code"] = "ERROR"
        tags["error"] = True
    elif span.status == Status.OK:
        tags["otel.status_code"] = "OK"
    if span.status_message:
        tags["otel.status_description"] = span.status_message
    if span.trace_state:
        tags["w3c.tracestate"] = span.trace_state
    return tags


def _warnings(span: Span) -> list[str] | None:
    if span.end_ns < span.start_ns:
        return [f"the span ends {(span.start_ns - span.end_ns) // 1_000} µs before it starts"]
    return None


def _tags(attributes: Attributes) -> list[Json]:
    return [_tag(key, value) for key, value in attributes.items()]


def _tag(key: str, value: Value) -> Json:
    match value:
        case bool():
            return {"key": key, "type": "bool", "value": value}
        case int():
            safe: int | str = value if abs(value) <= MAX_SAFE_INTEGER else str(value)
            return {"key": key, "type": "int64", "value": safe}
        case float() if value == value and value not in (float("inf"), float("-inf")):
            return {"key": key, "type": "float64", "value": value}
        case bytes():
            return {"key": key, "type": "binary", "value": base64.b64encode(value).decode()}
        case float():
            # JSON has no number for these.
            return {"key": key, "type": "string", "value": str(value)}
        case _:
            return {"key": key, "type": "string", "value": text_of(value) or ""}


_FAMILIES = {
    Measure.LATENCIES: ("latencies", "{quantile:.2f}th quantile latency in milliseconds, by service"),
    Measure.CALLS: ("call_rate", "calls per second, by service"),
    Measure.ERRORS: ("error_rate", "failed calls as a part of all calls, by service"),
}


def metric_family(what: Measure, query: RedQuery, found: Sequence[RedSeries]) -> Response:
    """A measure over time as OpenMetrics in JSON, which is no envelope."""
    name, words = _FAMILIES[what]
    subject = "service_operation" if query.by_operation else "service"
    body = {
        "name": f"{subject}_{name}",
        "type": "GAUGE",
        "help": words.format(quantile=query.quantile) + (" and operation" if query.by_operation else ""),
        "metrics": [_metric(one, query) for one in found],
    }
    content = json.dumps(body, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return Response(content.encode("utf-8", "replace"), media_type="application/json")


def _metric(series: RedSeries, query: RedQuery) -> Json:
    labels = [{"name": "service_name", "value": series.service}]
    if series.operation is not None:
        labels.insert(0, {"name": "operation", "value": series.operation})
    points = []
    for index, value in enumerate(series.values.tolist(), query.window):
        if not math.isnan(value):
            moment = datetime.fromtimestamp(query.intervals.time_ms(index) / 1_000, UTC)
            text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
            points.append({"gaugeValue": {"doubleValue": value}, "timestamp": text})
    return {"labels": labels, "metricPoints": points}

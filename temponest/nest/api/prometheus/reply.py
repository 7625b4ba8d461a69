"""Prometheus' reply shapes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from ...model.series import Exemplar, Histogram, Labels, Metadata
from ...promql.engine import Result, Row
from ...promql.native.text import buckets
from ...promql.number import number
from ..errors import Problem

_ERROR_TYPES = {404: "not_found", 422: "execution", 499: "canceled", 503: "timeout"}


def success(data: Any, warnings: Sequence[str] = (), infos: Sequence[str] = ()) -> Response:
    """`{"status":"success","data":...}`, with what is to be said beside it."""
    content = {"status": "success", "data": data}
    if warnings:
        content["warnings"] = list(warnings)
    if infos:
        content["infos"] = list(infos)
    return _json(content, 200)


def error(problem: Problem) -> Response:
    """`{"status":"error","errorType":...,"error":...}`."""
    kind = _ERROR_TYPES.get(problem.status, "internal" if problem.status >= 500 else "bad_data")
    return _json({"status": "error", "errorType": kind, "error": problem.message}, problem.status)


def result(found: Result) -> dict[str, Any]:
    """The value of a query; numbers are text, because JSON has neither NaN nor infinities."""
    value: Any
    if found.kind == "scalar":
        value = _number(*found.rows[0].numbers[0])
    elif found.kind == "string":
        value = [found.time_ms / 1000, found.text]
    elif found.kind == "vector":
        value = [_instant(row) for row in found.rows]
    else:
        value = [_range(row) for row in found.rows]
    return {"resultType": found.kind, "result": value}


def _instant(row: Row) -> dict[str, Any]:
    time_ms, value = row.samples[0]
    if isinstance(value, Histogram):
        return {"metric": row.labels, "histogram": [time_ms / 1000, _histogram(value)]}
    return {"metric": row.labels, "value": _number(time_ms, value)}


def _range(row: Row) -> dict[str, Any]:
    numbers = [_number(time, value) for time, value in row.numbers]
    native = [[time / 1000, _histogram(value)] for time, value in row.samples if isinstance(value, Histogram)]
    shape: dict[str, Any] = {"metric": row.labels}
    if numbers:
        shape["values"] = numbers
    if native:
        shape["histograms"] = native
    return shape


def _histogram(one: Histogram) -> dict[str, Any]:
    """Count, sum, and of every bucket that has a count: which bounds are in, the bounds, the count."""
    shape: dict[str, Any] = {"count": number(one.count), "sum": number(one.sum)}
    found = [[rule, number(low), number(high), number(count)] for rule, low, high, count in buckets(one)]
    return {**shape, "buckets": found} if found else shape


def exemplars(found: Sequence[tuple[Labels, Sequence[Exemplar]]]) -> list[dict[str, Any]]:
    """Exemplars by series."""
    return [
        {
            "seriesLabels": dict(series),
            "exemplars": [
                {"labels": dict(one.labels), "value": number(one.value), "timestamp": one.time_ms / 1000}
                for one in some
            ],
        }
        for series, some in found
    ]


def metadata(found: dict[str, Metadata]) -> dict[str, list[dict[str, str]]]:
    """What each metric is."""
    return {
        name: [{"type": one.type, "help": one.help, "unit": one.unit}] for name, one in sorted(found.items())
    }


def _number(time_ms: int, value: float) -> list[Any]:
    return [time_ms / 1000, number(value)]


def _json(content: Any, status: int) -> Response:
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    # A lone surrogate may come with a label's value; it cannot be written as UTF-8.
    return Response(text.encode("utf-8", "replace"), status, media_type="application/json")

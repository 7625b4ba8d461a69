"""Prometheus' reply shapes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from starlette.responses import Response

from ...model.series import Exemplar, Labels, Metadata
from ...promql.engine import Result
from ...promql.number import number
from ..errors import Problem

_ERROR_TYPES = {404: "not_found", 422: "execution", 499: "canceled", 503: "timeout"}


def success(data: Any, warnings: Sequence[str] = ()) -> Response:
    """`{"status":"success","data":...}`."""
    content = {"status": "success", "data": data}
    if warnings:
        content["warnings"] = list(warnings)
    return _json(content, 200)


def error(problem: Problem) -> Response:
    """`{"status":"error","errorType":...,"error":...}`."""
    kind = _ERROR_TYPES.get(problem.status, "internal" if problem.status >= 500 else "bad_data")
    return _json({"status": "error", "errorType": kind, "error": problem.message}, problem.status)


def result(found: Result) -> dict[str, Any]:
    """The value of a query; numbers are text, because JSON has neither NaN nor infinities."""
    if found.kind == "scalar":
        value: Any = _sample(*found.rows[0].samples[0])
    elif found.kind == "string":
        value = [found.time_ms / 1000, found.text]
    elif found.kind == "vector":
        value = [{"metric": row.labels, "value": _sample(*row.samples[0])} for row in found.rows]
    else:
        value = [
            {"metric": row.labels, "values": [_sample(*sample) for sample in row.samples]}
            for row in found.rows
        ]
    return {"resultType": found.kind, "result": value}


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


def _sample(time_ms: int, value: float) -> list[Any]:
    return [time_ms / 1000, number(value)]


def _json(content: Any, status: int) -> Response:
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    # A lone surrogate may come with a label's value; it cannot be written as UTF-8.
    return Response(text.encode("utf-8", "replace"), status, media_type="application/json")

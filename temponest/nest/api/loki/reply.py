"""Loki's reply shapes."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from starlette.responses import PlainTextResponse, Response

from ...logql.entries import Entries
from ...logql.frame import Entry
from ...promql.engine import Result
from ...promql.number import number
from ..errors import Problem
from . import records

# What a client sends that can tell structured metadata and parsed labels from those of the stream.
CATEGORIZE = "categorize-labels"


def success(data: Any, headers: dict[str, str] | None = None) -> Response:
    """`{"status":"success","data":...}`."""
    text = json.dumps({"status": "success", "data": data}, separators=(",", ":"), ensure_ascii=False)
    # A lone surrogate may come with a line; it cannot be written as UTF-8.
    return Response(text.encode("utf-8", "replace"), headers=headers, media_type="application/json")


def encoded(found: Entries, headers: dict[str, str]) -> Response:
    """The log records whole."""
    content = records.encode(entry.record for entry in found.entries)
    return Response(content, headers=headers, media_type=records.PROTOBUF)


def error(problem: Problem) -> Response:
    """The message as it is: Loki's errors are text."""
    return PlainTextResponse(problem.message + "\n", problem.status)


def result(found: Entries | Result, *, categorized: bool) -> dict[str, Any]:
    """The answer of a query: streams, a matrix, a vector or a scalar."""
    if isinstance(found, Entries):
        flags = {"encodingFlags": [CATEGORIZE]} if categorized else {}
        streams = _streams(found.entries, categorized=categorized)
        return {"resultType": "streams", **flags, "result": streams, "stats": {}}
    if found.kind == "scalar":
        value: Any = _sample(*found.rows[0].numbers[0])
    elif found.kind == "vector":
        value = [{"metric": row.labels, "value": _sample(*row.numbers[0])} for row in found.rows]
    else:
        value = [
            {"metric": row.labels, "values": [_sample(*sample) for sample in row.numbers]}
            for row in found.rows
        ]
    return {"resultType": found.kind, "result": value, "stats": {}}


def _streams(entries: Sequence[Entry], *, categorized: bool) -> list[dict[str, Any]]:
    """Lines by the labels they share, in their order."""
    streams: dict[tuple[tuple[str, str], ...], dict[str, Any]] = {}
    for entry in entries:
        labels = entry.stream if categorized else entry.labels
        stream = streams.setdefault(tuple(sorted(labels.items())), {"stream": labels, "values": []})
        value: list[Any] = [str(entry.time_ns), entry.line]
        if categorized:
            kinds = {"structuredMetadata": entry.metadata, "parsed": entry.parsed}
            value.append({kind: found for kind, found in kinds.items() if found})
        stream["values"].append(value)
    return list(streams.values())


def _sample(time_ms: int, value: float) -> list[Any]:
    return [time_ms / 1000, number(value)]

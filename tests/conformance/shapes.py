"""Strict decoding, as Grafana's plugins do it: a field their message lacks is an error.

A shape is a dictionary of the fields that may be there, a list with one shape, or a type. 64-bit integers
are text in protobuf's JSON.
"""

from __future__ import annotations

import re
from typing import Any

UINT64 = re.compile(r"\d+")
HEX = re.compile(r"[0-9a-f]+")
VALUE: dict[str, Any] = {
    "stringValue": str,
    "intValue": UINT64,
    "doubleValue": (int, float, str),
    "boolValue": bool,
    "arrayValue": dict,
    "kvlistValue": dict,
    "bytesValue": str,
}
KEY_VALUE = {"key": str, "value": VALUE}
SPAN = {
    "spanID": HEX,
    "name": str,
    "startTimeUnixNano": UINT64,
    "durationNanos": UINT64,
    "attributes": [KEY_VALUE],
}
SPAN_SET = {"spans": [SPAN], "matched": int, "attributes": [KEY_VALUE]}
# The fields of Tempo's SearchMetrics that Grafana 10's plugin knows already.
METRICS = {
    "inspectedTraces": int,
    "inspectedBytes": UINT64,
    "totalBlocks": int,
    "completedJobs": int,
    "totalJobs": int,
    "totalBlockBytes": UINT64,
}
SEARCH = {
    "traces": [
        {
            "traceID": HEX,
            "rootServiceName": str,
            "rootTraceName": str,
            "startTimeUnixNano": UINT64,
            "durationMs": int,
            "spanSet": SPAN_SET,
            "spanSets": [SPAN_SET],
            "serviceStats": {...: {"spanCount": int, "errorCount": int}},
        }
    ],
    "metrics": METRICS,
}
INSTANT = {"series": [{"labels": [KEY_VALUE], "value": (int, float, str)}], "metrics": METRICS}
RANGE = {
    "series": [
        {
            "labels": [KEY_VALUE],
            "samples": [{"timestampMs": UINT64, "value": (int, float, str)}],
            "exemplars": [{"labels": [KEY_VALUE], "value": (int, float, str), "timestampMs": UINT64}],
        }
    ],
    "metrics": METRICS,
}
TAGS = {"scopes": [{"name": str, "tags": [str]}], "metrics": METRICS}
VALUES = {"tagValues": [{"type": str, "value": str}], "metrics": METRICS}


def check(value: Any, shape: Any, path: str = "reply") -> None:
    """Fail with the path of the first part that does not fit."""
    if isinstance(shape, dict):
        assert isinstance(value, dict), f"{path} is no object"
        for key, inner in value.items():
            assert key in shape or ... in shape, f"{path} has the unknown field {key}"
            check(inner, shape.get(key, shape.get(...)), f"{path}.{key}")
    elif isinstance(shape, list):
        assert isinstance(value, list), f"{path} is no list"
        for index, inner in enumerate(value):
            check(inner, shape[0], f"{path}[{index}]")
    elif isinstance(shape, re.Pattern):
        assert isinstance(value, str), f"{path} is no text"
        assert shape.fullmatch(value), f"{path} is {value!r}"
    else:
        assert isinstance(value, shape), f"{path} is {value!r}"
        assert isinstance(value, bool) is (shape is bool), f"{path} is {value!r}"

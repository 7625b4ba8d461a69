"""Data points of metrics as rows, of every type in one table; what a type does not have is null.

`value` is the number of a gauge or a sum, `value_int` besides where it was sent as an integer. Buckets are
OTLP's: `bucket_counts` has one count more than `explicit_bounds`; those of exponential histograms begin at
their offsets.
"""

from __future__ import annotations

import json
from typing import Any

import pyarrow as pa
from opentelemetry.proto.metrics.v1.metrics_pb2 import Metric, ScopeMetrics

from ..otlp_json import document, into
from .origin import COLUMNS, SERVICE, Row
from .value import attributes, object_text

_TIME = pa.timestamp("ns", tz="UTC")
_COUNTS, _NUMBERS = pa.list_(pa.uint64()), pa.list_(pa.float64())
# Columns that say which metric a point is of.
_METRIC = ("name", "description", "unit", "type", "temporality", "monotonic", "metadata")
SCHEMA = pa.schema(
    [
        ("name", pa.string()),
        ("description", pa.string()),
        ("unit", pa.string()),
        ("type", pa.string()),
        ("temporality", pa.string()),
        ("monotonic", pa.bool_()),
        SERVICE,
        ("time", _TIME),
        ("start_time", _TIME),
        ("attributes", pa.string()),
        ("value", pa.float64()),
        ("value_int", pa.int64()),
        ("count", pa.uint64()),
        ("sum", pa.float64()),
        ("min", pa.float64()),
        ("max", pa.float64()),
        ("explicit_bounds", _NUMBERS),
        ("bucket_counts", _COUNTS),
        ("scale", pa.int32()),
        ("zero_count", pa.uint64()),
        ("zero_threshold", pa.float64()),
        ("positive_offset", pa.int32()),
        ("positive_bucket_counts", _COUNTS),
        ("negative_offset", pa.int32()),
        ("negative_bucket_counts", _COUNTS),
        ("quantiles", _NUMBERS),
        ("quantile_values", _NUMBERS),
        ("exemplars", pa.string()),
        ("flags", pa.uint32()),
        ("metadata", pa.string()),
        *COLUMNS,
    ]
)

# Columns that no two points of one report have alike.
SERIES = ("name", "type", "attributes")
TYPES = ("gauge", "sum", "histogram", "exponential_histogram", "summary")
# By OTLP's number.
_TEMPORALITIES = ("unspecified", "delta", "cumulative")


def rows(metric: Metric) -> list[Row]:
    """The rows of a metric's points; a start that nobody says is null."""
    kind = metric.WhichOneof("data")
    if kind is None:
        return []
    data: Any = getattr(metric, kind)
    shared = {
        "name": metric.name,
        "description": metric.description,
        "unit": metric.unit,
        "type": kind,
        "temporality": _TEMPORALITIES[data.aggregation_temporality]
        if hasattr(data, "aggregation_temporality")
        else None,
        "monotonic": data.is_monotonic if kind == "sum" else None,
        "metadata": object_text(metric.metadata),
    }
    return [{**shared, **_point(point), **_VALUES[kind](point)} for point in data.data_points]


def _point(point: Any) -> Row:
    # A summary has no exemplars.
    exemplars = [document(one) for one in getattr(point, "exemplars", ())]
    return {
        "time": point.time_unix_nano or None,
        "start_time": point.start_time_unix_nano or None,
        "attributes": object_text(point.attributes),
        "exemplars": json.dumps(exemplars, ensure_ascii=False),
        "flags": point.flags,
    }


def _number(point: Any) -> Row:
    kind = point.WhichOneof("value")
    if kind == "as_int":
        return {"value": float(point.as_int), "value_int": point.as_int}
    return {"value": point.as_double if kind else None}


def _totals(point: Any) -> Row:
    row = {name: getattr(point, name) for name in ("sum", "min", "max") if point.HasField(name)}
    return {"count": point.count, **row}


def _histogram(point: Any) -> Row:
    return {
        **_totals(point),
        "explicit_bounds": list(point.explicit_bounds),
        "bucket_counts": list(point.bucket_counts),
    }


def _exponential(point: Any) -> Row:
    return {
        **_totals(point),
        "scale": point.scale,
        "zero_count": point.zero_count,
        "zero_threshold": point.zero_threshold,
        "positive_offset": point.positive.offset,
        "positive_bucket_counts": list(point.positive.bucket_counts),
        "negative_offset": point.negative.offset,
        "negative_bucket_counts": list(point.negative.bucket_counts),
    }


def _summary(point: Any) -> Row:
    return {
        "count": point.count,
        "sum": point.sum,
        "quantiles": [one.quantile for one in point.quantile_values],
        "quantile_values": [one.value for one in point.quantile_values],
    }


_VALUES = dict(zip(TYPES, (_number, _number, _histogram, _exponential, _summary), strict=True))


def add(row: Row, scoped: ScopeMetrics) -> None:
    """Add the point of a row to its scope, and its metric where the row before was of another one."""
    last = scoped.metrics[-1] if scoped.metrics else None
    if last is None or not _is_of(last, row):
        last = _metric(row, scoped)
    data: Any = getattr(last, row["type"])
    point = data.data_points.add()
    point.time_unix_nano, point.start_time_unix_nano = row["time"] or 0, row["start_time"] or 0
    point.attributes.extend(attributes(row["attributes"]))
    point.flags = row["flags"]
    for one in json.loads(row["exemplars"]):
        into(point.exemplars.add(), one)
    _fill(point, row)


def _is_of(metric: Metric, row: Row) -> bool:
    if (metric.name, metric.unit, metric.description) != (row["name"], row["unit"], row["description"]):
        return False
    kind = metric.WhichOneof("data")
    if kind != row["type"] or object_text(metric.metadata) != row["metadata"]:
        return False
    data: Any = getattr(metric, str(kind))
    return row["temporality"] is None or (
        _TEMPORALITIES[data.aggregation_temporality] == row["temporality"]
        and bool(getattr(data, "is_monotonic", False)) == bool(row["monotonic"])
    )


def _metric(row: Row, scoped: ScopeMetrics) -> Metric:
    if row["type"] not in TYPES:
        raise ValueError(f"the type of a metric is {row['type']!r}, which is none of {', '.join(TYPES)}")
    metric = scoped.metrics.add(name=row["name"], description=row["description"], unit=row["unit"])
    metric.metadata.extend(attributes(row["metadata"]))
    data: Any = getattr(metric, row["type"])
    data.SetInParent()
    if row["temporality"] is not None:
        data.aggregation_temporality = _TEMPORALITIES.index(row["temporality"])
    if row["type"] == "sum":
        data.is_monotonic = bool(row["monotonic"])
    return metric


def _fill(point: Any, row: Row) -> None:
    """The values of a point, by its type."""
    kind = row["type"]
    if kind in ("gauge", "sum"):
        if row["value_int"] is not None:
            point.as_int = row["value_int"]
        elif row["value"] is not None:
            point.as_double = row["value"]
        return
    point.count = row["count"]
    for name in ("sum", "min", "max"):
        if row[name] is not None:
            setattr(point, name, row[name])
    if kind == "histogram":
        point.explicit_bounds.extend(row["explicit_bounds"])
        point.bucket_counts.extend(row["bucket_counts"])
    elif kind == "exponential_histogram":
        point.scale, point.zero_count = row["scale"], row["zero_count"]
        point.zero_threshold = row["zero_threshold"]
        for side in ("positive", "negative"):
            buckets = getattr(point, side)
            buckets.offset = row[f"{side}_offset"]
            buckets.bucket_counts.extend(row[f"{side}_bucket_counts"])
    else:
        for quantile, value in zip(row["quantiles"], row["quantile_values"], strict=True):
            point.quantile_values.add(quantile=quantile, value=value)

"""Aggregations: many series of a vector into one for each group, at each time."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from .aggregate_histograms import combine
from .annotations import Annotations
from .errors import ExecutionError
from .native.text import shown
from .number import number
from .ranked import limit_ratio, limited, ranked
from .tree import Aggregation
from .values import Floats, Histograms, Labels, Mask, Scalar, Text, Vector, empty, key, stack, without_name

Reduce: TypeAlias = Callable[[Floats, Mask], Floats]


def _count(_: Floats, present: Mask) -> Floats:
    count: Floats = present.sum(axis=0).astype(np.float64)
    return count


def _sum(values: Floats, present: Mask) -> Floats:
    # Neumaier's sum: what rounding loses of each addition is added up beside it.
    total = np.zeros(values.shape[1])
    lost = np.zeros(values.shape[1])
    for row in np.where(present, values, 0.0):
        after = total + row
        lost += np.where(np.abs(total) >= np.abs(row), (total - after) + row, (row - after) + total)
        total = after
    return np.where(np.isfinite(total), total + lost, total)


def _avg(values: Floats, present: Mask) -> Floats:
    total = _sum(values, present)
    count = _count(values, present)
    mean: Floats = total / count
    # A sum may overflow where the mean does not: then average what was divided first.
    overflow = np.isinf(mean) & ~(np.isinf(values) & present).any(axis=0)
    return np.where(overflow, np.where(present, values / count, 0.0).sum(axis=0), mean)


def _min(values: Floats, present: Mask) -> Floats:
    found: Floats = np.fmin.reduce(np.where(present, values, np.nan), axis=0)
    return found


def _max(values: Floats, present: Mask) -> Floats:
    found: Floats = np.fmax.reduce(np.where(present, values, np.nan), axis=0)
    return found


def _group(values: Floats, _: Mask) -> Floats:
    return np.ones(values.shape[1])


def _stdvar(values: Floats, present: Mask) -> Floats:
    # Welford's way, row by row, so that the last digits are those of Prometheus.
    count, average, total = (np.zeros(values.shape[1]) for _ in range(3))
    for row, there in zip(values, present, strict=True):
        count += there
        delta = row - average
        average = np.where(there, average + delta / np.maximum(count, 1), average)
        total = np.where(there, total + delta * (row - average), total)
    variance: Floats = np.where(np.isfinite(total), total, np.nan) / count
    return variance


def _stddev(values: Floats, present: Mask) -> Floats:
    return np.sqrt(_stdvar(values, present))


SIMPLE: dict[str, Reduce] = {
    "sum": _sum,
    "avg": _avg,
    "min": _min,
    "max": _max,
    "count": _count,
    "group": _group,
    "stddev": _stddev,
    "stdvar": _stdvar,
}


def groups(vector: Vector, node: Aggregation) -> dict[tuple[tuple[str, str], ...], list[int]]:
    """Rows by the labels that remain."""
    found: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for row, labels in enumerate(vector.labels):
        found.setdefault(key(_remaining(labels, node)), []).append(row)
    return found


def _remaining(labels: Labels, node: Aggregation) -> Labels:
    if node.without:
        return {name: value for name, value in without_name(labels).items() if name not in node.labels}
    return {name: labels[name] for name in node.labels if name in labels}


def aggregated(
    node: Aggregation, vector: Vector, parameter: Scalar | Text | None, notes: Annotations
) -> Vector:
    """The vector of an aggregation.

    Args:
        node: which one, and by what.
        vector: the series.
        parameter: where the aggregation has one.
        notes: takes annotations.

    Raises:
        ExecutionError: the parameter cannot be.
    """
    name = node.operator
    if name not in _NATIVE and vector.histograms is not None and vector.native().any():
        place = node if name in {"topk", "bottomk"} else node.expression
        notes.info(f"ignored histogram in {name} aggregation", place)
        vector = Vector(vector.labels, vector.values, vector.numbers())
        vector = vector.rows(np.flatnonzero(vector.present.any(axis=1)).tolist())
    if name in SIMPLE:
        return _reduced(vector, node, SIMPLE[name], notes)
    if isinstance(parameter, Text):
        return _count_values(vector, parameter.value, node)
    assert isinstance(parameter, Scalar)  # noqa: S101 - check.py checks the types of parameters
    if name == "quantile":
        for one in parameter.values[~((parameter.values >= 0) & (parameter.values <= 1))][:1]:
            where = node.parameter or node.expression
            notes.warn(f"quantile value should be between 0 and 1, got {number(float(one))}", where)
        return _quantiles(vector, parameter.values, node, notes)
    if np.isnan(parameter.values).any():
        raise ExecutionError(f"the parameter of {name} is NaN")
    if name != "limit_ratio" and parameter.values.max() < 1:
        return empty(vector.values.shape[1])
    if name != "limit_ratio" and (np.abs(parameter.values) >= 2.0**63).any():
        raise ExecutionError(f"the parameter of {name} is larger than any whole number here")
    if name == "limit_ratio":
        return limit_ratio(vector, parameter.values, node, notes)
    grouped = list(groups(vector, node).values())
    if name == "limitk":
        return limited(vector, parameter.values, grouped)
    return ranked(vector, parameter.values, grouped, highest=name == "topk")


# Aggregations that take histograms, too.
_NATIVE = frozenset({"sum", "avg", "count", "group", "count_values", "limitk", "limit_ratio"})


def _quantiles(vector: Vector, q: Floats, node: Aggregation, notes: Annotations) -> Vector:
    """`quantile(q, ...)`: interpolated between the nearest ranks."""

    def reduce(values: Floats, present: Mask) -> Floats:
        return np.array(
            [
                quantile(q[step], values[present[:, step], step]) if present[:, step].any() else math.nan
                for step in range(values.shape[1])
            ]
        )

    return _reduced(vector, node, reduce, notes)


def quantile(q: float, values: Floats) -> float:
    """The q-quantile of some values; ±Inf outside of 0 to 1."""
    if not len(values) or math.isnan(q):
        return math.nan
    if q < 0:
        return -math.inf
    if q > 1:
        return math.inf
    # NaN is smaller than all others, and stays what it is.
    ordered = values[np.argsort(np.where(np.isnan(values), -np.inf, values), kind="stable")]
    rank = q * (len(ordered) - 1)
    lower = math.floor(rank)
    upper = min(lower + 1, len(ordered) - 1)
    weight = rank - lower
    return float(ordered[lower] * (1 - weight) + ordered[upper] * weight)


def _reduced(vector: Vector, node: Aggregation, reduce: Reduce, notes: Annotations) -> Vector:
    steps = vector.values.shape[1]
    result_labels: list[Labels] = []
    values: list[Floats] = []
    present: list[Mask] = []
    histograms: list[Histograms | None] = []
    for remaining, rows in groups(vector, node).items():
        group = vector.rows(rows)
        mask = np.any(group.present, axis=0)
        native: Histograms | None = None
        if group.histograms is not None and node.operator in {"sum", "avg"}:
            native, refused = combine(node, group, notes)
            mask &= ~refused
        result_labels.append(dict(remaining))
        values.append(reduce(group.values, group.present))
        present.append(mask)
        histograms.append(native)
    return stack(result_labels, values, present, steps, histograms)


def _count_values(vector: Vector, label: str, node: Aggregation) -> Vector:
    """`count_values`: how many series of a group have each value."""
    if not label or any("\udc80" <= one <= "\udcff" for one in label):
        raise ExecutionError(f"invalid label name {label!a}")
    steps = vector.values.shape[1]
    counts: dict[tuple[tuple[str, str], ...], Floats] = {}
    for remaining, rows in groups(vector, node).items():
        for row in rows:
            for step in np.flatnonzero(vector.present[row]):
                sample = None if vector.histograms is None else vector.histograms[row, step]
                value = number(float(vector.values[row, step])) if sample is None else shown(sample)
                name = key({**dict(remaining), label: value})
                counts.setdefault(name, np.zeros(steps))[step] += 1
    if not counts:
        return empty(steps)
    values = list(counts.values())
    return stack([dict(name) for name in counts], values, [one > 0 for one in values], steps)

"""Aggregations: many series of a vector into one for each group, at each time."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np

from .number import number
from .values import NAME, ExecutionError, Floats, Labels, Mask, Vector, empty, key, stack

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
    count = _count(values, present)
    difference = np.where(present, values - _sum(values, present) / count, 0.0)
    variance: Floats = (difference * difference).sum(axis=0) / count
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


def groups(
    vector: Vector, labels: Sequence[str], *, without: bool
) -> dict[tuple[tuple[str, str], ...], list[int]]:
    """Rows by the labels that remain."""
    found: dict[tuple[tuple[str, str], ...], list[int]] = {}
    for row, row_labels in enumerate(vector.labels):
        found.setdefault(key(_remaining(row_labels, labels, without=without)), []).append(row)
    return found


def _remaining(labels: Labels, chosen: Sequence[str], *, without: bool) -> Labels:
    if without:
        dropped = {*chosen, NAME}
        return {name: value for name, value in labels.items() if name not in dropped}
    return {name: labels[name] for name in chosen if name in labels}


def simple(name: str, vector: Vector, labels: Sequence[str], *, without: bool) -> Vector:
    """`sum`, `avg`, `min`, `max`, `count`, `group`, `stddev`, `stdvar`."""
    return _reduced(vector, labels, SIMPLE[name], without=without)


def quantiles(vector: Vector, q: Floats, labels: Sequence[str], *, without: bool) -> Vector:
    """`quantile(q, ...)`: interpolated between the nearest ranks."""

    def reduce(values: Floats, present: Mask) -> Floats:
        return np.array(
            [
                quantile(q[step], values[present[:, step], step]) if present[:, step].any() else math.nan
                for step in range(values.shape[1])
            ]
        )

    return _reduced(vector, labels, reduce, without=without)


def quantile(q: float, values: Floats) -> float:
    """The q-quantile of some values; ±Inf outside of 0 to 1."""
    if not len(values) or math.isnan(q):
        return math.nan
    if q < 0:
        return -math.inf
    if q > 1:
        return math.inf
    ordered = np.sort(np.where(np.isnan(values), -np.inf, values))
    rank = q * (len(ordered) - 1)
    lower = math.floor(rank)
    upper = min(lower + 1, len(ordered) - 1)
    weight = rank - lower
    return float(ordered[lower] * (1 - weight) + ordered[upper] * weight)


def _reduced(vector: Vector, labels: Sequence[str], reduce: Reduce, *, without: bool) -> Vector:
    steps = vector.values.shape[1]
    result_labels: list[Labels] = []
    values: list[Floats] = []
    present: list[Mask] = []
    for remaining, rows in groups(vector, labels, without=without).items():
        mask = vector.present[rows]
        result_labels.append(dict(remaining))
        values.append(reduce(vector.values[rows], mask))
        present.append(np.any(mask, axis=0))
    return stack(result_labels, values, present, steps)


def ranked(name: str, vector: Vector, k: Floats, labels: Sequence[str], *, without: bool) -> Vector:
    """`topk` and `bottomk`: the series themselves, where they are among the k of their group."""
    present = np.zeros_like(vector.present)
    for rows in groups(vector, labels, without=without).values():
        index = np.array(rows)
        for step in range(vector.values.shape[1]):
            there = index[vector.present[index, step]]
            count = min(_whole(k[step], name), len(there))
            if count < 1:
                continue
            order = vector.values[there, step]
            # NaN is the last choice of both.
            order = np.where(np.isnan(order), np.inf, -order if name == "topk" else order)
            present[there[np.argsort(order, kind="stable")[:count]], step] = True
    result = Vector(vector.labels, vector.values, present)
    return _by_value(result, descending=name == "topk") if vector.values.shape[1] == 1 else result


def limited(vector: Vector, k: Floats, labels: Sequence[str], *, without: bool) -> Vector:
    """`limitk`: some k series of each group, the same at every time as far as they are there."""
    present = np.zeros_like(vector.present)
    for rows in groups(vector, labels, without=without).values():
        order = sorted(rows, key=lambda row: key(vector.labels[row]))
        for step in range(vector.values.shape[1]):
            there = [row for row in order if vector.present[row, step]]
            present[there[: max(0, _whole(k[step], "limitk"))], step] = True
    return Vector(vector.labels, vector.values, present)


def count_values(vector: Vector, label: str, labels: Sequence[str], *, without: bool) -> Vector:
    """`count_values`: how many series of a group have each value."""
    steps = vector.values.shape[1]
    counts: dict[tuple[tuple[str, str], ...], Floats] = {}
    for remaining, rows in groups(vector, labels, without=without).items():
        for row in rows:
            for step in np.flatnonzero(vector.present[row]):
                value = number(float(vector.values[row, step]))
                name = key({**dict(remaining), label: value})
                counts.setdefault(name, np.zeros(steps))[step] += 1
    if not counts:
        return empty(steps)
    values = list(counts.values())
    return stack([dict(name) for name in counts], values, [one > 0 for one in values], steps)


def _whole(k: float, name: str) -> int:
    if math.isnan(k):
        raise ExecutionError(f"the parameter of {name} is NaN")
    return int(max(-1.0, min(k, 2.0**31)))


def _by_value(vector: Vector, *, descending: bool) -> Vector:
    column = vector.values[:, 0]
    order = np.argsort(np.where(np.isnan(column), np.inf, -column if descending else column), kind="stable")
    return Vector([vector.labels[row] for row in order], vector.values[order], vector.present[order])

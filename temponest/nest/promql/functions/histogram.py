"""Quantiles and fractions of classic histograms (series with `le`)."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..values import NAME, Floats, Labels, Mask, Vector, key, stack
from .call import Call, Function


def _bound(labels: Labels) -> float | None:
    try:
        return float(labels["le"].replace("Inf", "inf"))
    except (KeyError, ValueError):
        return None


def _histograms(vector: Vector) -> list[tuple[Labels, Floats, list[int]]]:
    """Labels, bounds in order, and the rows of the buckets of each histogram."""
    found: dict[tuple[tuple[str, str], ...], list[tuple[float, int]]] = {}
    for row, labels in enumerate(vector.labels):
        bound = _bound(labels)
        if bound is not None:
            rest = {name: value for name, value in labels.items() if name not in {"le", NAME}}
            found.setdefault(key(rest), []).append((bound, row))
    result = []
    for labels_key, buckets in found.items():
        buckets.sort()
        bounds = np.array([bound for bound, _ in buckets])
        result.append((dict(labels_key), bounds, [row for _, row in buckets]))
    return result


def _quantile(call: Call) -> Vector:
    q, vector = call.scalar(0), call.vector(1)
    return _each(vector, lambda bounds, counts, step: quantile(float(q[step]), bounds, counts))


def _fraction(call: Call) -> Vector:
    low, high, vector = call.scalar(0), call.scalar(1), call.vector(2)

    def share(bounds: Floats, counts: Floats, step: int) -> float:
        return fraction(float(low[step]), float(high[step]), bounds, counts)

    return _each(vector, share)


def _each(vector: Vector, function: Callable[[Floats, Floats, int], float]) -> Vector:
    steps = vector.values.shape[1]
    labels: list[Labels] = []
    values: list[Floats] = []
    present: list[Mask] = []
    for rest, bounds, rows in _histograms(vector):
        row, there = np.zeros(steps), np.any(vector.present[rows], axis=0)
        for step in np.flatnonzero(there):
            mask = vector.present[rows, step]
            row[step] = function(bounds[mask], vector.values[rows, step][mask], int(step))
        labels.append(rest)
        values.append(row)
        present.append(there)
    return stack(labels, values, present, steps)


def _joined(bounds: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Buckets of one bound added up, and counts that never fall, as slightly torn samples may."""
    unique, index = np.unique(bounds, return_inverse=True)
    total = np.zeros(len(unique))
    np.add.at(total, index, counts)
    return unique, np.maximum.accumulate(total)


def quantile(q: float, bounds: Floats, counts: Floats) -> float:
    """The q-quantile, interpolated inside the bucket it falls into."""
    if math.isnan(q):
        return math.nan
    if q < 0:
        return -math.inf
    if q > 1:
        return math.inf
    upper, running = _joined(bounds, counts)
    if len(upper) < 2 or not math.isinf(upper[-1]):
        return math.nan
    total = running[-1]
    if total == 0 or math.isnan(total):
        return math.nan
    rank = q * total
    bucket = min(int(np.searchsorted(running[:-1], rank, side="left")), len(upper) - 1)
    if bucket == len(upper) - 1:
        return float(upper[-2])
    if bucket == 0 and upper[0] <= 0:
        return float(upper[0])
    start = 0.0 if bucket == 0 else float(upper[bucket - 1])
    below = 0.0 if bucket == 0 else float(running[bucket - 1])
    count = float(running[bucket]) - below
    return start + (float(upper[bucket]) - start) * (float(rank - below) / count)


def fraction(low: float, high: float, bounds: Floats, counts: Floats) -> float:
    """The share of observations between two values."""
    upper, running = _joined(bounds, counts)
    if not len(upper) or not math.isinf(upper[-1]) or running[-1] == 0 or math.isnan(running[-1]):
        return math.nan
    if math.isnan(low) or math.isnan(high):
        return math.nan
    if low >= high:
        return 0.0
    return (_rank(high, upper, running) - _rank(low, upper, running)) / float(running[-1])


def _rank(value: float, upper: Floats, running: Floats) -> float:
    """How many observations are at most `value`, interpolated."""
    if value == -math.inf:
        return 0.0
    bucket = int(np.searchsorted(upper, value, side="left"))
    if bucket >= len(upper) or math.isinf(upper[bucket]):
        return float(running[-1]) if math.isinf(value) else float(running[-2] if len(running) > 1 else 0.0)
    below = 0.0 if bucket == 0 else float(running[bucket - 1])
    lowest = 0.0 if upper[0] > 0 else -math.inf
    start = lowest if bucket == 0 else float(upper[bucket - 1])
    if value <= start:
        return below
    if math.isinf(start):
        return float(running[bucket]) if value >= upper[bucket] else 0.0
    share = (value - start) / (float(upper[bucket]) - start)
    return below + (float(running[bucket]) - below) * share


FUNCTIONS: dict[str, Function] = {"histogram_quantile": _quantile, "histogram_fraction": _fraction}

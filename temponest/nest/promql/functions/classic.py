"""Quantiles and fractions of classic histograms: bounds and cumulative counts."""

from __future__ import annotations

import math

import numpy as np

from ..values import Floats

# Relative differences below this are rounding, not a count that has fallen.
_TOLERANCE = 1e-12


def _joined(bounds: Floats, counts: Floats) -> tuple[Floats, Floats]:
    """Buckets of one bound added up."""
    unique, index = np.unique(bounds, return_inverse=True)
    total = np.zeros(len(unique))
    np.add.at(total, index, counts)
    return unique, total


def quantile(q: float, bounds: Floats, counts: Floats) -> tuple[float, bool]:
    """The q-quantile, interpolated inside the bucket it falls into, and whether counts fell before."""
    if math.isnan(q):
        return math.nan, False
    if not 0 <= q <= 1:
        return math.copysign(math.inf, q), False
    upper, counted = _joined(bounds, counts)
    if not len(upper) or upper[-1] != math.inf:
        return math.nan, False
    # As slightly torn samples may: counts never fall.
    running = np.maximum.accumulate(counted)
    with np.errstate(invalid="ignore"):
        fixed = bool((running - counted > np.abs(running) * _TOLERANCE).any())
    if len(upper) < 2:
        return math.nan, fixed
    total = running[-1]
    if total == 0 or math.isnan(total):
        return math.nan, fixed
    rank = q * total
    bucket = min(int(np.searchsorted(running[:-1], rank, side="left")), len(upper) - 1)
    if bucket == len(upper) - 1:
        return float(upper[-2]), fixed
    if bucket == 0 and upper[0] <= 0:
        return float(upper[0]), fixed
    start = 0.0 if bucket == 0 else float(upper[bucket - 1])
    below = 0.0 if bucket == 0 else float(running[bucket - 1])
    count = np.float64(running[bucket] - below)
    return float(start + (float(upper[bucket]) - start) * (np.float64(rank - below) / count)), fixed


def fraction(low: float, high: float, bounds: Floats, counts: Floats) -> float:
    """The share of observations between two values."""
    upper, running = _joined(bounds, counts)
    if not len(upper) or upper[-1] != math.inf or running[-1] == 0 or math.isnan(running[-1]):
        return math.nan
    if math.isnan(low) or math.isnan(high):
        return math.nan
    if low >= high:
        return 0.0
    most = float(running[-1])
    first, last = (min(_rank(value, upper, running), most) for value in (low, high))
    return (last - first) / most


def _rank(value: float, upper: Floats, running: Floats) -> float:
    """How many observations are at most `value`, interpolated."""
    start, rank = (-math.inf if upper[0] <= 0 else 0.0), 0.0
    for end, count in zip(upper.tolist(), running.tolist(), strict=True):
        if start >= value:
            return rank
        if end > value:
            if start == -math.inf:
                return float(count)
            return float(rank + (count - rank) * ((value - start) / (end - start)))
        start, rank = end, count
    return float(running[-1])

"""Quantiles of many values in many groups at once.

Exact up to MAX_EXACT values; beyond that equal ones are merged after rounding to a quarter of a percent, so
that memory stays bounded whatever the number of spans.
"""

from __future__ import annotations

import math

import numpy as np

from .intervals import Floats, Ints

MAX_EXACT = 1_000_000
_PRECISION = math.log(1.0025)
# NumPy sorts integers of 16 bits by radix.
_RADIX = 1 << 16


class Quantiles:
    """Collects (group, value) pairs."""

    def __init__(self) -> None:
        self._groups: list[Ints] = []
        self._values: list[Floats] = []
        self._weights: list[Ints] = []
        self._size = 0

    def add(self, groups: Ints, values: Floats) -> None:
        """Take one value for each group number."""
        self._groups.append(groups)
        self._values.append(values)
        self._weights.append(np.ones(len(values), np.int64))
        self._size += len(values)
        if self._size > MAX_EXACT:
            self._compress()

    def __len__(self) -> int:
        return self._size

    def _compress(self) -> None:
        groups, values, weights = self._joined()
        magnitude = np.abs(values)
        positive = magnitude > 0
        rounded = np.zeros_like(values)
        exponents = np.round(np.log(magnitude[positive]) / _PRECISION)
        rounded[positive] = np.sign(values[positive]) * np.exp(exponents * _PRECISION)
        order = by_group(groups, rounded)
        groups, rounded, weights = groups[order], rounded[order], weights[order]
        first = np.ones(len(groups), bool)
        first[1:] = (groups[1:] != groups[:-1]) | (rounded[1:] != rounded[:-1])
        starts = np.flatnonzero(first)
        self._groups, self._values = [groups[starts]], [rounded[starts]]
        self._weights = [np.add.reduceat(weights, starts)]
        self._size = len(starts)

    def _joined(self) -> tuple[Ints, Floats, Ints]:
        return np.concatenate(self._groups), np.concatenate(self._values), np.concatenate(self._weights)

    def of(self, quantiles: tuple[float, ...], groups: int) -> list[Floats]:
        """For each quantile the value of each group: the smallest that this share of values does not exceed.

        NaN for a group without values.
        """
        results: list[Floats] = [np.full(groups, np.nan) for _ in quantiles]
        if not self._size:
            return results
        group, values, weights = self._joined()
        order = by_group(group, values)
        group, values, weights = group[order], values[order], weights[order]
        below = np.cumsum(weights)
        starts = np.flatnonzero(np.append(True, group[1:] != group[:-1]))
        present = group[starts]
        before = below[starts] - weights[starts]
        totals = np.append(before[1:], below[-1]) - before
        for quantile, result in zip(quantiles, results, strict=True):
            rank = np.maximum(1, np.ceil(quantile * totals - 1e-9)).astype(np.int64)
            result[present] = values[np.searchsorted(below, before + rank)]
        return results


def by_group(groups: Ints, values: Floats) -> Ints:
    """The order of all values by their group, and by size in each.

    Small numbers of groups are sorted by radix, several times as fast as by comparing both.
    """
    order = np.argsort(values)
    small = groups if groups.max(initial=0) >= _RADIX else groups.astype(np.uint16)
    return order[np.argsort(small[order], kind="stable")]

"""Delta points added up: Prometheus counts from the start, some senders only since their last report."""

from __future__ import annotations

from dataclasses import replace

from ..model.series import Histogram, Labels

# Series whose total is remembered; the one that was silent longest makes room and starts again from zero,
# which queries take for the restart of a process.
CAPACITY = 50_000


class Cumulative:
    """Running totals by series. One thread uses it; after a restart of the nest totals begin again."""

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._totals: dict[Labels, float | Histogram] = {}

    def number(self, series: Labels, delta: float) -> float:
        """The total of `series` after adding `delta`."""
        before = self._totals.pop(series, 0.0)
        total = delta + (before if isinstance(before, float) else 0.0)
        self._keep(series, total)
        return total

    def histogram(self, series: Labels, delta: Histogram) -> Histogram:
        """The total of `series` after adding `delta`; the coarser of two schemas wins."""
        before = self._totals.pop(series, None)
        total = _add(before, delta) if isinstance(before, Histogram) else delta
        self._keep(series, total)
        return replace(total, positive=dict(total.positive), negative=dict(total.negative))

    def _keep(self, series: Labels, total: float | Histogram) -> None:
        self._totals[series] = total
        if len(self._totals) > self._capacity:
            del self._totals[next(iter(self._totals))]


def _add(one: Histogram, other: Histogram) -> Histogram:
    schema = min(one.schema, other.schema)
    return Histogram(
        count=one.count + other.count,
        sum=one.sum + other.sum,
        schema=schema,
        zero_threshold=max(one.zero_threshold, other.zero_threshold),
        zero_count=one.zero_count + other.zero_count,
        positive=_merge(one.positive, one.schema - schema, other.positive, other.schema - schema),
        negative=_merge(one.negative, one.schema - schema, other.negative, other.schema - schema),
    )


def _merge(
    one: dict[int, float], one_shift: int, other: dict[int, float], other_shift: int
) -> dict[int, float]:
    merged: dict[int, float] = {}
    for buckets, shift in ((one, one_shift), (other, other_shift)):
        for index, count in buckets.items():
            # Upper-inclusive buckets: index i covers (base^(i-1), base^i].
            coarse = ((index - 1) >> shift) + 1
            merged[coarse] = merged.get(coarse, 0.0) + count
    return merged

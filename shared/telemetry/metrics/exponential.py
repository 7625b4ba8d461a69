"""Base-2 exponential histograms (metrics SDK, "Base2 Exponential Bucket Histogram Aggregation")."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .exemplars import Where
from .points import Attributes, Buckets, ExponentialPoint
from .series import Series

if TYPE_CHECKING:
    from .stream import Stream

# The smallest normal double; smaller ones share its bucket, as logarithms of subnormals lose precision.
_MIN_NORMAL = 2.2250738585072014e-308
_EXEMPLARS = 20


def bucket_index(value: float, scale: int, factor: float) -> int:
    """The bucket of a positive value: base**index < value <= base**(index + 1), base = 2**(2**-scale).

    `factor` is 2**scale / ln 2, which whoever maps many values computes once.
    """
    value = max(value, _MIN_NORMAL)
    mantissa, exponent = math.frexp(value)
    power_of_two = mantissa == 0.5
    if scale <= 0:
        return (exponent - (2 if power_of_two else 1)) >> -scale
    if power_of_two:
        return ((exponent - 1) << scale) - 1
    return math.floor(math.log(value) * factor)


class ExponentialSeries(Series):
    """Counts by exponential bucket: the scale is the finest at which either sign fits into `max_size`."""

    __slots__ = (
        "before",
        "count",
        "due",
        "factor",
        "max",
        "max_scale",
        "max_size",
        "min",
        "min_max",
        "negative",
        "positive",
        "scale",
        "sum",
        "zeros",
    )

    def __init__(
        self,
        stream: Stream,
        attributes: Attributes,
        start: int,
        *,
        max_size: int,
        max_scale: int,
        min_max: bool,
    ) -> None:
        super().__init__(stream, attributes, start, min(_EXEMPLARS, max_size))
        self.max_size = max_size
        self.max_scale = max_scale
        self.min_max = min_max
        self._empty()

    def _empty(self) -> None:
        self.positive: dict[int, int] = {}
        self.negative: dict[int, int] = {}
        self.count = 0
        self.zeros = 0
        self.sum: float = 0
        # As in a histogram of explicit buckets: unreachable unless wanted.
        self.min = math.inf if self.min_max else -math.inf
        self.max = -self.min
        self.before = 0
        self.due = [self.reservoir.first] * len(self.reservoir.kept)
        self._rescale(self.max_scale)

    def _rescale(self, scale: int) -> None:
        self.scale = scale
        self.factor = math.ldexp(1 / math.log(2), scale)

    def record(self, amount: float, attributes: Attributes | None, context: Where) -> None:
        """Count `amount` in the bucket of its magnitude, lowering the scale when it does not fit."""
        with self.lock:
            if not self.retired:
                self.count = count = self.count + 1
                self.sum += amount
                if amount > self.max:
                    self.max = amount
                if amount < self.min:
                    self.min = amount
                if amount > 0:
                    self._count(self.positive, amount)
                elif amount < 0:
                    self._count(self.negative, -amount)
                else:
                    self.zeros += 1
                slot = count % len(self.due)
                if count >= self.due[slot]:
                    seen = (count - self.before) // len(self.due) + 1
                    later = (
                        self.reservoir.offer(slot, seen, amount, attributes, self.attributes, context) - seen
                    )
                    self.due[slot] = count + later * len(self.due)
                return
        self.successor().record(amount, attributes, context)

    def _count(self, buckets: dict[int, int], magnitude: float) -> None:
        index = bucket_index(magnitude, self.scale, self.factor)
        if index not in buckets:
            low = min(index, min(buckets, default=index))
            high = max(index, max(buckets, default=index))
            change = 0
            while (high >> change) - (low >> change) >= self.max_size:
                change += 1
            if change:
                _merge_neighbours(self.positive, change)
                _merge_neighbours(self.negative, change)
                self._rescale(self.scale - change)
                index = bucket_index(magnitude, self.scale, self.factor)
        buckets[index] = buckets.get(index, 0) + 1

    def collect(self, now: int) -> ExponentialPoint:
        """The distribution since the start."""
        empty = not self.positive and not self.negative
        known = self.min_max and self.min <= self.max
        self.before = self.count
        self.due = [self.before + self.reservoir.first] * len(self.due)
        return ExponentialPoint(
            self.attributes,
            self.start,
            now,
            self.count,
            self.sum,
            self.min if known else None,
            self.max if known else None,
            0 if empty else self.scale,
            self.zeros,
            _dense(self.positive),
            _dense(self.negative),
            self.reservoir.take(),
        )

    def reset(self, now: int) -> None:
        """Begin anew, empty and at the finest scale."""
        super().reset(now)
        self._empty()


def _merge_neighbours(buckets: dict[int, int], change: int) -> None:
    counted = list(buckets.items())
    buckets.clear()
    for index, count in counted:
        buckets[index >> change] = buckets.get(index >> change, 0) + count


def _dense(buckets: dict[int, int]) -> Buckets:
    if not buckets:
        return Buckets()
    low, high = min(buckets), max(buckets)
    return Buckets(low, [buckets.get(index, 0) for index in range(low, high + 1)])

"""Where the buckets of a native histogram begin and end.

Bucket `i` of schema `s` ends at 2 ** (i * 2 ** -s) and begins where the one before it ends; the zero bucket
takes what is nearer to zero than the threshold. Schema -53 has bounds of its own and no negative buckets.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import dataclass

from ...model.series import Histogram

CUSTOM = -53
# Exponent of the first power of two that no double holds.
_OVERFLOW = 1024


@dataclass(slots=True)
class Bucket:
    """A bucket with its count."""

    lower: float
    upper: float
    count: float


def is_custom(histogram: Histogram) -> bool:
    """Whether the bounds are the histogram's own."""
    return histogram.schema == CUSTOM


def bound(index: int, schema: int) -> float:
    """The upper bound of an exponential bucket, without its sign."""
    power = index * 2.0**-schema
    if power == _OVERFLOW:
        return sys.float_info.max
    return math.inf if power > _OVERFLOW else 2.0**power


def bounds(histogram: Histogram, index: int) -> tuple[float, float]:
    """Lower and upper bound of a positive bucket; a negative one has them mirrored."""
    if is_custom(histogram):
        own = histogram.custom
        return (own[index - 1] if index else -math.inf), (own[index] if index < len(own) else math.inf)
    return bound(index - 1, histogram.schema), bound(index, histogram.schema)


def zero_bucket(histogram: Histogram) -> Bucket:
    """What is nearer to zero than the threshold."""
    return Bucket(-histogram.zero_threshold, histogram.zero_threshold, histogram.zero_count)


def ascending(histogram: Histogram) -> Iterator[Bucket]:
    """Every bucket that has a count, by value."""
    for index, count in sorted(histogram.negative.items(), reverse=True):
        lower, upper = bounds(histogram, index)
        if count:
            yield Bucket(-upper, -lower, count)
    if histogram.zero_count > 0:
        yield zero_bucket(histogram)
    for index, count in sorted(histogram.positive.items()):
        lower, upper = bounds(histogram, index)
        if count:
            yield Bucket(lower, upper, count)


def below(bucket: Bucket, value: float, *, linear: bool) -> float:
    """The share of a finite bucket that is at most `value`, which is inside of it."""
    if linear:
        return (value - bucket.lower) / (bucket.upper - bucket.lower)
    lower, upper, at = (math.log2(abs(one)) for one in (bucket.lower, bucket.upper, value))
    if value > 0:
        return (at - lower) / (upper - lower)
    return 1 - (at - upper) / (lower - upper)

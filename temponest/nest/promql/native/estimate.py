"""What is estimated from a native histogram: quantiles, fractions, the variance.

Inside of an exponential bucket observations are taken to be spread evenly on a logarithmic scale, inside of
the zero bucket and of custom ones on a linear one.
"""

from __future__ import annotations

import math

from ...model.series import Histogram
from .buckets import Bucket, ascending, below, is_custom

NAN_RESULT = "input to histogram_quantile has NaN observations, result is NaN"
NAN_SKEW = "input to histogram_quantile has NaN observations, result is skewed higher"
NAN_FRACTION = "input to histogram_fraction has NaN observations, which are excluded from all fractions"


def quantile(q: float, histogram: Histogram) -> tuple[float, str]:
    """The q-quantile, and what is to be said about it.

    Observations that are NaN are in no bucket; they count as larger than all others.
    """
    if q < 0 or q > 1:
        return math.copysign(math.inf, q), ""
    if histogram.count == 0 or math.isnan(q):
        return math.nan, ""
    buckets = list(ascending(histogram))
    has_nan = math.isnan(histogram.sum)
    # From the nearer end, so that rounding matters least.
    from_below = has_nan or q < 0.5
    rank = q * histogram.count if from_below else (1 - q) * histogram.count
    bucket, count, taken = Bucket(0.0, 0.0, 0.0), 0.0, 0
    for bucket in buckets if from_below else reversed(buckets):
        count += bucket.count
        taken += 1
        if count >= rank:
            break
    if not is_custom(histogram):
        bucket = _narrowed(bucket, histogram)
    else:
        if bucket.lower == -math.inf:
            if bucket.upper <= 0:
                return bucket.upper, ""
            bucket.lower = 0.0
        elif bucket.upper == math.inf:
            return bucket.lower, ""
    count = min(count, histogram.count)
    if count < rank:
        return (math.nan, NAN_RESULT) if has_nan else (bucket.upper, "")
    rank = rank - (count - bucket.count) if from_below else count - rank
    skewed = has_nan and count + math.fsum(one.count for one in buckets[taken:]) < histogram.count
    note = NAN_SKEW if skewed else ""
    share = rank / bucket.count if bucket.count else math.nan
    if is_custom(histogram) or bucket.lower <= 0 <= bucket.upper:
        return bucket.lower + (bucket.upper - bucket.lower) * share, note
    lower, upper = math.log2(abs(bucket.lower)), math.log2(abs(bucket.upper))
    if bucket.lower > 0:
        return 2.0 ** (lower + (upper - lower) * share), note
    return -(2.0 ** (upper + (lower - upper) * (1 - share))), note


def _narrowed(bucket: Bucket, histogram: Histogram) -> Bucket:
    """The zero bucket, which reaches to one side only where all other buckets are on that side."""
    lower, upper = bucket.lower, bucket.upper
    if lower <= 0 <= upper:
        if histogram.positive and not histogram.negative:
            lower = 0.0
        elif histogram.negative and not histogram.positive:
            upper = 0.0
    return Bucket(lower, upper, bucket.count)


def fraction(low: float, high: float, histogram: Histogram) -> tuple[float, str]:
    """The share of observations between two values, and what is to be said about it."""
    if histogram.count == 0 or math.isnan(low) or math.isnan(high):
        return math.nan, ""
    if low >= high:
        return 0.0, ""
    buckets = list(ascending(histogram))
    in_buckets = math.fsum(bucket.count for bucket in buckets)
    has_nan = math.isnan(histogram.sum)
    note = NAN_FRACTION if has_nan and in_buckets < histogram.count else ""
    most = in_buckets if has_nan else histogram.count
    first, last = (min(_rank(value, buckets, histogram, most), most) for value in (low, high))
    return (last - first) / histogram.count, note


def _rank(value: float, buckets: list[Bucket], histogram: Histogram, most: float) -> float:
    """How many observations are at most `value`."""
    rank = 0.0
    for wide in buckets:
        bucket = _narrowed(wide, histogram)
        if bucket.lower >= value:
            return rank
        if bucket.upper > value:
            if bucket.lower == -math.inf:
                return bucket.count
            if bucket.upper == math.inf:
                return rank
            linear = is_custom(histogram) or bucket.lower <= 0 <= bucket.upper
            return rank + bucket.count * below(bucket, value, linear=linear)
        rank += bucket.count
    return most


def variance(histogram: Histogram) -> float:
    """The estimated variance of the observations, each taken to be in the middle of its bucket."""
    if histogram.count == 0:
        return math.nan
    average = histogram.sum / histogram.count
    parts = []
    for bucket in ascending(histogram):
        if is_custom(histogram):
            value = (bucket.upper + bucket.lower) / 2
        elif bucket.lower <= 0 <= bucket.upper:
            value = 0.0
        else:
            value = math.copysign(math.sqrt(bucket.upper * bucket.lower), bucket.upper)
        parts.append(bucket.count * (value - average) * (value - average))
    return sum(parts) / histogram.count

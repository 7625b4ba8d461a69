"""A native histogram without the observations above or below a value: `</` and `>/`."""

from __future__ import annotations

import math
from dataclasses import replace

from ...model.series import Histogram
from .arithmetic import compact
from .buckets import Bucket, below, bounds, is_custom, zero_bucket


def trimmed(histogram: Histogram, value: float, *, upper: bool) -> Histogram:
    """What is below `value` where `upper`, what is above it otherwise; the sum is estimated anew."""
    changed = False
    count = total = 0.0
    sides: dict[str, dict[int, float]] = {"positive": {}, "negative": {}}
    for side, kept in sides.items():
        for index, inside in getattr(histogram, side).items():
            if not inside:
                continue
            lower_bound, upper_bound = bounds(histogram, index)
            if side == "negative":
                lower_bound, upper_bound = -upper_bound, -lower_bound
            bucket = Bucket(lower_bound, upper_bound, inside)
            remains, middle = _part(bucket, value, histogram, upper=upper, positive=side == "positive")
            count += remains
            total += middle * remains
            kept[index] = remains
            changed |= remains != inside
    zero = histogram.zero_count
    if zero > 0:
        zero, middle = _zero(histogram, value, upper=upper)
        count += zero
        total += middle * zero
        changed |= zero != histogram.zero_count
    if not changed:
        return histogram
    return compact(
        replace(
            histogram,
            count=count,
            sum=total,
            zero_count=zero,
            positive=sides["positive"],
            negative=sides["negative"],
        )
    )


def _part(
    bucket: Bucket, value: float, histogram: Histogram, *, upper: bool, positive: bool
) -> tuple[float, float]:
    """What remains of a bucket, and the middle of that."""
    linear = is_custom(histogram)
    if bucket.upper <= value if upper else bucket.lower >= value:
        return bucket.count, _middle(bucket.lower, bucket.upper, positive=positive, linear=linear)
    if bucket.lower >= value if upper else bucket.upper <= value:
        return 0.0, 0.0
    if math.isinf(bucket.lower):
        return _open_below(bucket, value, upper=upper)
    if math.isinf(bucket.upper):
        # How far it reaches is not known: nothing of it is surely below any value.
        return (0.0, 0.0) if upper else (bucket.count, value)
    under = bucket.count * below(bucket, value, linear=linear)
    if upper:
        return under, _middle(bucket.lower, value, positive=positive, linear=linear)
    return bucket.count - under, _middle(value, bucket.upper, positive=positive, linear=linear)


def _open_below(bucket: Bucket, value: float, *, upper: bool) -> tuple[float, float]:
    """The first custom bucket; it begins at zero where it ends above."""
    if bucket.upper > 0 and not math.isinf(bucket.upper):
        if upper and value > 0:
            return bucket.count * value / bucket.upper, value / 2
        if not upper and value >= 0:
            return bucket.count * (1 - value / bucket.upper), (value + bucket.upper) / 2
    if upper and bucket.upper <= 0:
        return bucket.count, value
    return 0.0, 0.0


def _zero(histogram: Histogram, value: float, *, upper: bool) -> tuple[float, float]:
    bucket = zero_bucket(histogram)
    lower, top = bucket.lower, bucket.upper
    has_negative = any(histogram.negative.values())
    has_positive = any(histogram.positive.values())
    if has_negative and not has_positive:
        top = 0.0
    if has_positive and not has_negative:
        lower = 0.0
    if value >= top if upper else value <= lower:
        return bucket.count, (lower + top) / 2
    if value <= lower if upper else value >= top:
        return 0.0, 0.0
    share = (value - lower) / (top - lower) if upper else (top - value) / (top - lower)
    return bucket.count * share, (lower + value) / 2 if upper else (value + top) / 2


def _middle(lower: float, upper: float, *, positive: bool, linear: bool) -> float:
    if math.isinf(lower):
        if math.isinf(upper):
            return 0.0
        return upper / 2 if upper > 0 else upper
    if math.isinf(upper):
        return lower
    if linear:
        return (lower + upper) / 2
    geometric = math.sqrt(abs(lower * upper))
    return geometric if positive else -geometric

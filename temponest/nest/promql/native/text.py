"""A native histogram as Prometheus writes it into text."""

from __future__ import annotations

from ...model.series import Histogram
from ..number import number
from .buckets import ascending, is_custom


def shown(histogram: Histogram) -> str:
    """`{count:3, sum:5, (1,2]:3}`: the buckets that have counts, brackets say whether a bound is in."""
    parts = [f"count:{number(histogram.count)}", f"sum:{number(histogram.sum)}"]
    parts += [
        f"{'[' if rule in {1, 3} else '('}{number(lower)},{number(upper)}{']' if rule in {0, 3} else ')'}:"
        f"{number(count)}"
        for rule, lower, upper, count in buckets(histogram)
    ]
    return "{" + ", ".join(parts) + "}"


def buckets(histogram: Histogram) -> list[tuple[int, float, float, float]]:
    """Bounds and count of every bucket that has one.

    The rule before them: 0 where the upper bound is in, 1 where the lower one is, 2 for none, 3 for both.
    """
    custom = is_custom(histogram)
    found = []
    for bucket in ascending(histogram):
        zero = not custom and bucket.lower <= 0 <= bucket.upper
        lower_in = zero or bucket.lower < 0
        upper_in = zero or custom or bucket.upper > 0
        rule = 3 if lower_in and upper_in else 1 if lower_in else 0
        found.append((rule, bucket.lower, bucket.upper, bucket.count))
    return found

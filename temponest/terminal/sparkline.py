"""A series as one line of characters."""

from __future__ import annotations

import math
from collections.abc import Sequence

BARS = "▁▂▃▄▅▆▇█"


def sparkline(values: Sequence[float], width: int = 40, low: float | None = None) -> str:
    """The values from the least to the greatest, the newest at the right; a gap where there is no number.

    Args:
        values: in order of time.
        width: characters at most; the mean of neighbours stands for them where there are more values.
        low: what the lowest bar stands for; the least of the values without.
    """
    if len(values) > width:
        size = len(values) / width
        values = [_mean(values[int(index * size) : int((index + 1) * size)]) for index in range(width)]
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return ""
    low, high = min(known) if low is None else low, max(known)
    span = high - low
    return "".join(
        BARS[round((value - low) / span * (len(BARS) - 1)) if span else 0] if math.isfinite(value) else " "
        for value in values
    )


def _mean(values: Sequence[float]) -> float:
    known = [value for value in values if math.isfinite(value)]
    return sum(known) / len(known) if known else math.nan


def number(value: float) -> str:
    """A value with at most four significant digits."""
    return f"{value:.4g}"

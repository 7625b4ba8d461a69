"""PromQL's functions: one table from name to what it does, each family in its own module."""

from __future__ import annotations

from . import changes, dates, histogram, instant, labels, math, over_time, rate
from .call import Function

FUNCTIONS: dict[str, Function] = {
    **rate.FUNCTIONS,
    **changes.FUNCTIONS,
    **over_time.FUNCTIONS,
    **math.FUNCTIONS,
    **dates.FUNCTIONS,
    **labels.FUNCTIONS,
    **histogram.FUNCTIONS,
    **instant.FUNCTIONS,
}

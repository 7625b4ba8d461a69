"""PromQL's functions: one table from name to what it does, each family in its own module."""

from __future__ import annotations

from . import dates, histogram, instant, labels, math, over_time, rate
from .call import Function

# Evaluated by the evaluator itself, which alone knows the grid: they are in no family.
BY_EVALUATOR = frozenset({"time", "scalar", "vector", "absent", "absent_over_time", "timestamp", "pi"})

FUNCTIONS: dict[str, Function] = {
    **rate.FUNCTIONS,
    **over_time.FUNCTIONS,
    **math.FUNCTIONS,
    **dates.FUNCTIONS,
    **labels.FUNCTIONS,
    **histogram.FUNCTIONS,
    **instant.FUNCTIONS,
}

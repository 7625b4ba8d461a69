"""`*_over_time`: one number out of the samples of each window."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ..aggregate import quantile
from ..values import Floats, Times, Vector
from .call import Call, Function, windowed


def _of_values(function: Callable[[Floats], float], *, keep_name: bool = False) -> Function:
    def apply(call: Call) -> Vector:
        return windowed(call.matrix(), lambda _, values, *__: function(values), keep_name=keep_name)

    return apply


def _sum(values: Floats) -> float:
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):
        # Too large, or of infinities of both signs: what plain addition gives is the answer.
        return float(values.sum())


def _avg(values: Floats) -> float:
    mean = _sum(values) / len(values)
    if math.isinf(mean) and not np.isinf(values).any():
        # The sum overflows where the mean does not.
        return float((values / len(values)).sum())
    return mean


def _quantile(call: Call) -> Vector:
    q = call.scalar(0)
    return windowed(call.matrix(1), lambda _, values, __, ___, step: quantile(float(q[step]), values))


def _mad(values: Floats) -> float:
    return quantile(0.5, np.abs(values - quantile(0.5, values)))


def _time_of(choose: Callable[[Floats], int]) -> Function:
    def apply(call: Call) -> Vector:
        def seconds(times: Times, values: Floats, *_: int) -> float:
            return float(times[choose(values)]) / 1000

        return windowed(call.matrix(), seconds)

    return apply


def _latest(hit: Callable[[Floats], Floats]) -> Callable[[Floats], int]:
    """Index of the last sample that has the extreme value; the last one where all are NaN."""

    def choose(values: Floats) -> int:
        matches = np.flatnonzero(values == hit(values))
        return int(matches[-1]) if len(matches) else len(values) - 1

    return choose


FUNCTIONS: dict[str, Function] = {
    "avg_over_time": _of_values(_avg),
    "min_over_time": _of_values(lambda values: float(np.fmin.reduce(values))),
    "max_over_time": _of_values(lambda values: float(np.fmax.reduce(values))),
    "sum_over_time": _of_values(_sum),
    "count_over_time": _of_values(lambda values: float(len(values))),
    "quantile_over_time": _quantile,
    "stddev_over_time": _of_values(lambda values: float(values.std())),
    "stdvar_over_time": _of_values(lambda values: float(values.var())),
    "last_over_time": _of_values(lambda values: float(values[-1]), keep_name=True),
    "first_over_time": _of_values(lambda values: float(values[0]), keep_name=True),
    "present_over_time": _of_values(lambda _: 1.0),
    "mad_over_time": _of_values(_mad),
    "ts_of_min_over_time": _time_of(_latest(np.fmin.reduce)),
    "ts_of_max_over_time": _time_of(_latest(np.fmax.reduce)),
    "ts_of_last_over_time": _time_of(lambda values: len(values) - 1),
    "ts_of_first_over_time": _time_of(lambda _: 0),
}

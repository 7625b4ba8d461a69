"""`*_over_time`: one sample out of those of each window."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np

from ...model.series import Histogram
from ..aggregate import quantile
from ..messages import INCOMPATIBLE, MIXED
from ..native.arithmetic import Combined, MixedBucketsError, added, mean
from ..values import Floats, Sample, Vector
from .call import Call, Function, Window, of_numbers, windowed


def _of_values(function: Callable[[Floats], float]) -> Function:
    return lambda call: of_numbers(call, lambda window: function(window.values))


def _of_both(
    numbers: Callable[[Floats], float], histograms: Callable[[Sequence[Histogram]], Combined]
) -> Function:
    """What works on numbers and on histograms, and not on a mix of them."""

    def apply(call: Call) -> Vector:
        def one(window: Window) -> Sample | None:
            native = window.native
            if not native:
                return numbers(window.values)
            if window.mixed:
                call.warn(f'{MIXED} metric name "{window.name}"')
                return None
            try:
                found = histograms(native)
            except MixedBucketsError:
                call.warn(f'{INCOMPATIBLE} "{window.name}"')
                return None
            call.combined(found, "aggregation")
            return found.histogram

        return windowed(call.matrix(), one)

    return apply


def _sum(values: Floats) -> float:
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):
        # Too large, or of infinities of both signs: what plain addition gives is the answer.
        return float(values.sum())


def _avg(values: Floats) -> float:
    average = _sum(values) / len(values)
    if math.isinf(average) and not np.isinf(values).any():
        # The sum overflows where the mean does not.
        return float((values / len(values)).sum())
    return average


def _quantile(call: Call) -> Vector:
    q = call.scalar(0)
    for one in q[~((q >= 0) & (q <= 1))][:1]:
        call.warn(f"quantile value should be between 0 and 1, got {one:g}", 0)
    return of_numbers(call, lambda window: quantile(float(q[window.step]), window.values), 1)


def _mad(values: Floats) -> float:
    if np.isnan(values).any():
        return math.nan
    return quantile(0.5, np.abs(values - quantile(0.5, values)))


def _picked(index: int) -> Function:
    def one(window: Window) -> Sample:
        native = None if window.histograms is None else window.histograms[index]
        return float(window.values[index]) if native is None else native

    return lambda call: windowed(call.matrix(), one, keep_name=True)


def _time_of(choose: Callable[[Floats], int]) -> Function:
    return lambda call: of_numbers(call, lambda window: float(window.times[choose(window.values)]) / 1000)


def _time_at(index: int) -> Function:
    return lambda call: windowed(call.matrix(), lambda window: float(window.times[index]) / 1000)


def _latest(hit: Callable[[Floats], Floats]) -> Callable[[Floats], int]:
    """Index of the last sample that has the extreme value; the last one where all are NaN."""

    def choose(values: Floats) -> int:
        matches = np.flatnonzero(values == hit(values))
        return int(matches[-1]) if len(matches) else len(values) - 1

    return choose


FUNCTIONS: dict[str, Function] = {
    "avg_over_time": _of_both(_avg, mean),
    "min_over_time": _of_values(lambda values: float(np.fmin.reduce(values))),
    "max_over_time": _of_values(lambda values: float(np.fmax.reduce(values))),
    "sum_over_time": _of_both(_sum, added),
    "count_over_time": lambda call: windowed(call.matrix(), lambda window: float(len(window.times))),
    "quantile_over_time": _quantile,
    "stddev_over_time": _of_values(lambda values: float(values.std())),
    "stdvar_over_time": _of_values(lambda values: float(values.var())),
    "last_over_time": _picked(-1),
    "first_over_time": _picked(0),
    "present_over_time": lambda call: windowed(call.matrix(), lambda _: 1.0),
    "mad_over_time": _of_values(_mad),
    "ts_of_min_over_time": _time_of(_latest(np.fmin.reduce)),
    "ts_of_max_over_time": _time_of(_latest(np.fmax.reduce)),
    "ts_of_last_over_time": _time_at(-1),
    "ts_of_first_over_time": _time_at(0),
}

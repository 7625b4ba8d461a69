"""Change over a window: rates and increases of counters, deltas and derivatives of gauges.

Increases are extrapolated to the bounds of the window as Prometheus does (docs, "rate()"): by at most half an
average interval beyond the first and the last sample, and never below zero for a counter.
"""

from __future__ import annotations

import numpy as np

from ..values import Floats, Labels, Mask, Matrix, Samples, Times, Vector, stack, without_name
from .call import Call, Function, bounds, windowed


def _extrapolated(matrix: Matrix, *, counter: bool, per_second: bool) -> Vector:
    steps = len(matrix.ends)
    labels: list[Labels] = []
    values: list[Floats] = []
    present: list[Mask] = []
    for series in matrix.series:
        first, last = bounds(series, matrix)
        there = last - first >= 2
        if there.any():
            row = np.zeros(steps)
            row[there] = _rows(series, first[there], last[there] - 1, matrix, there, counter, per_second)
            labels.append(without_name(series.labels))
            values.append(row)
            present.append(there)
    return stack(labels, values, present, steps)


def _rows(
    series: Samples,
    first: Times,
    last: Times,
    matrix: Matrix,
    there: Mask,
    counter: bool,
    per_second: bool,
) -> Floats:
    """One number for each window with at least two samples."""
    change = series.values[last] - series.values[first]
    if counter:
        lost = np.concatenate([[0.0], np.where(np.diff(series.values) < 0, series.values[:-1], 0.0)])
        running = np.cumsum(lost)
        change = change + running[last] - running[first]
    sampled = (series.times[last] - series.times[first]) / 1000
    to_start = (series.times[first] - matrix.starts[there]) / 1000
    to_end = (matrix.ends[there] - series.times[last]) / 1000
    average = sampled / (last - first)
    threshold = average * 1.1
    to_start = np.where(to_start >= threshold, average / 2, to_start)
    if counter:
        # A counter was zero at some time: never extrapolate to before that.
        with np.errstate(divide="ignore", invalid="ignore"):
            to_zero = sampled * (series.values[first] / change)
        reachable = (change > 0) & (series.values[first] >= 0) & (to_zero < to_start)
        to_start = np.where(reachable, to_zero, to_start)
    to_end = np.where(to_end >= threshold, average / 2, to_end)
    result: Floats = change * ((sampled + to_start + to_end) / sampled)
    if per_second:
        result = result / ((matrix.ends[there] - matrix.starts[there]) / 1000)
    return result


def _rate(call: Call) -> Vector:
    return _extrapolated(call.matrix(), counter=True, per_second=True)


def _increase(call: Call) -> Vector:
    return _extrapolated(call.matrix(), counter=True, per_second=False)


def _delta(call: Call) -> Vector:
    return _extrapolated(call.matrix(), counter=False, per_second=False)


def _irate(call: Call) -> Vector:
    def latest(times: Times, values: Floats, *_: int) -> float | None:
        if len(times) < 2:
            return None
        # After a reset the counter has grown from zero.
        change = values[-1] if values[-1] < values[-2] else values[-1] - values[-2]
        return float(change / ((times[-1] - times[-2]) / 1000))

    return windowed(call.matrix(), latest)


def _idelta(call: Call) -> Vector:
    def latest(_: Times, values: Floats, *__: int) -> float | None:
        return float(values[-1] - values[-2]) if len(values) > 1 else None

    return windowed(call.matrix(), latest)


def _regression(times: Times, values: Floats, origin_ms: int) -> tuple[float, float]:
    """Slope per second and value at the origin of the least-squares line."""
    seconds = (times - origin_ms) / 1000
    if (values == values[0]).all():
        return (np.nan, np.nan) if np.isinf(values[0]) else (0.0, float(values[0]))
    mean_x, mean_y = seconds.mean(), values.mean()
    covariance = ((seconds - mean_x) * (values - mean_y)).sum()
    slope = covariance / ((seconds - mean_x) ** 2).sum()
    return float(slope), float(mean_y - slope * mean_x)


def _deriv(call: Call) -> Vector:
    def slope(times: Times, values: Floats, *_: int) -> float | None:
        return _regression(times, values, int(times[0]))[0] if len(times) > 1 else None

    return windowed(call.matrix(), slope)


def _predict_linear(call: Call) -> Vector:
    ahead = call.scalar(1)

    def predicted(times: Times, values: Floats, _: int, __: int, step: int) -> float | None:
        if len(times) < 2:
            return None
        slope, now = _regression(times, values, int(call.times[step]))
        return now + slope * float(ahead[step])

    return windowed(call.matrix(), predicted)


def _resets(call: Call) -> Vector:
    return windowed(call.matrix(), lambda _, values, *__: float((np.diff(values) < 0).sum()))


def _changes(call: Call) -> Vector:
    def changes(_: Times, values: Floats, *__: int) -> float:
        both_nan = np.isnan(values[1:]) & np.isnan(values[:-1])
        return float(((values[1:] != values[:-1]) & ~both_nan).sum())

    return windowed(call.matrix(), changes)


def _smoothed(call: Call) -> Vector:
    level, trend = call.scalar(1), call.scalar(2)

    def holt(_: Times, values: Floats, __: int, ___: int, step: int) -> float | None:
        if len(values) < 2:
            return None
        before, smooth, growth = 0.0, values[0], values[1] - values[0]
        for index in range(1, len(values)):
            if index > 1:
                growth = trend[step] * (smooth - before) + (1 - trend[step]) * growth
            before, smooth = smooth, level[step] * values[index] + (1 - level[step]) * (smooth + growth)
        return float(smooth)

    return windowed(call.matrix(), holt)


FUNCTIONS: dict[str, Function] = {
    "rate": _rate,
    "increase": _increase,
    "delta": _delta,
    "irate": _irate,
    "idelta": _idelta,
    "deriv": _deriv,
    "predict_linear": _predict_linear,
    "resets": _resets,
    "changes": _changes,
    "double_exponential_smoothing": _smoothed,
    "holt_winters": _smoothed,
}

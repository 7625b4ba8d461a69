"""What happened in a window: changes, resets, trends."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...model.series import Histogram
from ..errors import ExecutionError
from ..native.arithmetic import equal, is_reset
from ..values import Floats, Sample, Times, Vector
from .call import Call, Function, Window, of_numbers, windowed


def _counted(
    numbers: Callable[[Floats], float], histograms: Callable[[Histogram, Histogram], bool]
) -> Function:
    """How many neighbours in a window differ; going from a number to a histogram or back is a difference."""

    def differs(now: Sample, before: Sample) -> bool:
        if isinstance(now, Histogram) and isinstance(before, Histogram):
            return histograms(now, before)
        if isinstance(now, Histogram) or isinstance(before, Histogram):
            return True
        return numbers(np.array([before, now])) > 0

    def apply(call: Call) -> Vector:
        matrix = call.matrix()

        def one(window: Window) -> float | None:
            values, native = window.values, window.histograms
            if matrix.extension:
                # The newest sample before the window is what its first one is compared with.
                outside = int(np.searchsorted(window.times, window.start, side="right"))
                if outside >= len(window.times):
                    return None
                first = max(0, outside - 1)
                values, native = values[first:], None if native is None else native[first:]
            if native is None:
                return numbers(values)
            samples = [
                float(value) if histogram is None else histogram
                for value, histogram in zip(values, native, strict=True)
            ]
            pairs = zip(samples[1:], samples, strict=False)
            return float(sum(differs(now, before) for now, before in pairs))

        return windowed(matrix, one)

    return apply


def _changed(values: Floats) -> float:
    both_nan = np.isnan(values[1:]) & np.isnan(values[:-1])
    return float(((values[1:] != values[:-1]) & ~both_nan).sum())


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
    def slope(window: Window) -> float:
        return _regression(window.times, window.values, int(window.times[0]))[0]

    return of_numbers(call, slope, least=2)


def _predict_linear(call: Call) -> Vector:
    ahead = call.scalar(1)

    def predicted(window: Window) -> float:
        slope, now = _regression(window.times, window.values, int(call.times[window.step]))
        return now + slope * float(ahead[window.step])

    return of_numbers(call, predicted, least=2)


def _smoothed(call: Call) -> Vector:
    level, trend = call.scalar(1), call.scalar(2)

    def holt(window: Window) -> float:
        smoothing, trending = float(level[window.step]), float(trend[window.step])
        for name, factor in (("smoothing", smoothing), ("trend", trending)):
            if not 0 < factor < 1:
                raise ExecutionError(f"invalid {name} factor. Expected: 0 < {name[0]}f < 1, got: {factor:f}")
        values = window.values
        before, smooth, growth = 0.0, values[0], values[1] - values[0]
        for index in range(1, len(values)):
            if index > 1:
                growth = trending * (smooth - before) + (1 - trending) * growth
            before, smooth = smooth, smoothing * values[index] + (1 - smoothing) * (smooth + growth)
        return float(smooth)

    return of_numbers(call, holt, least=2)


FUNCTIONS: dict[str, Function] = {
    "changes": _counted(_changed, lambda now, before: not equal(now, before)),
    "resets": _counted(lambda values: float((np.diff(values) < 0).sum()), is_reset),
    "deriv": _deriv,
    "predict_linear": _predict_linear,
    "double_exponential_smoothing": _smoothed,
    "holt_winters": _smoothed,
}

"""Functions of single numbers."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..values import Floats, Vector, without_name
from .call import Call, Function


def mapped(vector: Vector, function: Callable[[Floats], Floats]) -> Vector:
    """Every number of a vector through a function; the result is no longer the metric."""
    with np.errstate(all="ignore"):
        values = function(vector.values)
    return Vector([without_name(labels) for labels in vector.labels], values, vector.numbers().copy())


def _of(function: Callable[[Floats], Floats]) -> Function:
    return lambda call: mapped(call.vector(), function)


def _round(call: Call) -> Vector:
    nearest = call.scalar(1, 1.0)
    # Halves go up, as Prometheus rounds; NumPy's own would go to the even number.
    return mapped(call.vector(), lambda values: np.floor(values * (1 / nearest) + 0.5) / (1 / nearest))


def _clamp(call: Call) -> Vector:
    low, high = call.scalar(1), call.scalar(2)
    result = mapped(call.vector(), lambda values: np.maximum(low, np.minimum(high, values)))
    result.present &= ~(low > high)
    return result


def _clamp_min(call: Call) -> Vector:
    return mapped(call.vector(), lambda values: np.maximum(call.scalar(1), values))


def _clamp_max(call: Call) -> Vector:
    return mapped(call.vector(), lambda values: np.minimum(call.scalar(1), values))


FUNCTIONS: dict[str, Function] = {
    "abs": _of(np.abs),
    "ceil": _of(np.ceil),
    "floor": _of(np.floor),
    "exp": _of(np.exp),
    "sqrt": _of(np.sqrt),
    "ln": _of(np.log),
    "log2": _of(np.log2),
    "log10": _of(np.log10),
    "sgn": _of(np.sign),
    "sin": _of(np.sin),
    "cos": _of(np.cos),
    "tan": _of(np.tan),
    "asin": _of(np.arcsin),
    "acos": _of(np.arccos),
    "atan": _of(np.arctan),
    "sinh": _of(np.sinh),
    "cosh": _of(np.cosh),
    "tanh": _of(np.tanh),
    "asinh": _of(np.arcsinh),
    "acosh": _of(np.arccosh),
    "atanh": _of(np.arctanh),
    "deg": _of(np.degrees),
    "rad": _of(np.radians),
    "round": _round,
    "clamp": _clamp,
    "clamp_min": _clamp_min,
    "clamp_max": _clamp_max,
}

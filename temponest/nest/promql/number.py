"""Numbers as text."""

from __future__ import annotations

import math

import numpy as np


def number(value: float) -> str:
    """A sample value as Prometheus writes it: the shortest text that reads back the same."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    text = repr(value)
    mantissa, _, exponent = text.partition("e")
    mantissa = mantissa.removesuffix(".0")
    if not exponent:
        return mantissa if abs(value) < 1e21 else _scientific(mantissa)
    power = int(exponent)
    if -7 < power < 21:
        return np.format_float_positional(value, trim="-")
    return f"{mantissa}e{'-' if power < 0 else '+'}{abs(power):02d}"


def _scientific(mantissa: str) -> str:
    return np.format_float_scientific(float(mantissa), trim="-", exp_digits=2)

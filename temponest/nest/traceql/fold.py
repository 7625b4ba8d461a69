"""Arithmetic on values, once for the parser's constants, rewrites and evaluation.

Integers stay integers (`1 / 2` is 0, as in Go), anything else is floating point; division by zero is NaN
for floats and has no value for integers.
"""

from __future__ import annotations

import math

from .tokens import MAX_INTEGER
from .tree import Literal, Type


def compute(operator: str, left: float, right: float) -> int | float | None:
    """`left operator right` for `+ - * / % ^`; None when there is no such number."""
    if isinstance(left, int) and isinstance(right, int):
        return _integers(operator, left, right)
    try:
        match operator:
            case "+":
                return left + right
            case "-":
                return left - right
            case "*":
                return left * right
            case "/":
                return left / right
            case "%":
                return math.fmod(left, right)
            case "^":
                return math.pow(left, right)
    except (ZeroDivisionError, ValueError):
        return math.nan
    except OverflowError:
        return math.inf
    return None


def _integers(operator: str, left: int, right: int) -> int | None:
    match operator:
        case "+":
            result = left + right
        case "-":
            result = left - right
        case "*":
            result = left * right
        case "/" | "%" if right == 0:
            return None
        case "/":
            result = abs(left) // abs(right) * (1 if (left < 0) == (right < 0) else -1)
        case "%":
            result = int(math.copysign(abs(left) % abs(right), left))
        case "^":
            # A huge power would keep the processor busy for a number nobody can compare with.
            if right < 0 or (abs(left) > 1 and right > 63):
                return None
            result = int(left**right)
        case _:
            return None
    return result if -MAX_INTEGER - 1 <= result <= MAX_INTEGER else None


def arithmetic(operator: str, left: Literal, right: Literal) -> Literal | None:
    """`left operator right` for the constants beside aggregates and metrics: `+ - * /`, no durations."""
    if operator not in ("+", "-", "*", "/") or Type.DURATION in (left.type, right.type):
        return None
    a, b = left.value, right.value
    if not isinstance(a, int | float) or not isinstance(b, int | float):
        return None
    value = compute(operator, a, b)
    if value is None:
        return None
    return Literal(Type.INTEGER if isinstance(value, int) else Type.FLOAT, value, left.at)

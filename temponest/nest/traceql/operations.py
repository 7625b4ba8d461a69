"""What operators do with values. The same functions serve single spans and distinct values of columns.

A missing value (None) satisfies nothing but `= nil`, and values of different types are never comparable,
except that whole and fractional numbers (durations are nanoseconds) compare as numbers.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TypeAlias

from ..model.regex import matcher
from ..model.span import Value
from .fold import compute

Test: TypeAlias = Callable[[Value], bool]


class Many(tuple[Value, ...]):
    """Values of several events or links of one span: a comparison holds when it holds for any of them."""

    __slots__ = ()


_COMPARE: dict[str, Callable[[Value, Value], bool]] = {
    "=": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,  # type: ignore[dict-item]  # only called with two numbers, strings or booleans
    "<=": operator.le,  # type: ignore[dict-item]  # same
    ">": operator.gt,  # type: ignore[dict-item]  # same
    ">=": operator.ge,  # type: ignore[dict-item]  # same
}
_OPPOSITE = {"!=": "=", "!~": "=~"}


def _family(value: Value) -> type | None:
    kind = type(value)
    if kind is bool or kind is str:
        return kind
    return float if isinstance(value, int | float) else None


def compare(symbol: str, left: Value, right: Value) -> bool:
    """Whether `left symbol right` holds, for `= != < <= > >=`."""
    if isinstance(left, Many):
        return any(compare(symbol, one, right) for one in left)
    if isinstance(right, Many):
        return any(compare(symbol, left, one) for one in right)
    if isinstance(left, tuple):
        if symbol == "!=":
            return not any(compare("=", one, right) for one in left)
        return any(compare(symbol, one, right) for one in left)
    if isinstance(right, tuple):
        if symbol == "!=":
            return not any(compare("=", left, one) for one in right)
        return any(compare(symbol, left, one) for one in right)
    family = _family(left)
    if family is None or family is not _family(right):
        return False
    return bool(_COMPARE[symbol](left, right))


def comparison(symbol: str, literal: str | bool | float) -> Test:
    """A test of one value against a literal, specialised for the common case that types agree."""
    if symbol in ("=~", "!~"):
        return _regex(symbol, str(literal))
    same = type(literal)
    apply = _COMPARE[symbol]

    def test(value: Value) -> bool:
        if type(value) is same:
            return apply(value, literal)
        return compare(symbol, value, literal)

    return test


def _regex(symbol: str, pattern: str) -> Test:
    matches = matcher(pattern)
    negated = symbol == "!~"

    def test(value: Value) -> bool:
        if isinstance(value, str):
            return matches(value) is not negated
        if isinstance(value, Many):
            return any(test(one) for one in value)
        if isinstance(value, tuple):
            return any(isinstance(one, str) and matches(one) for one in value) is not negated
        return False

    return test


def calculate(symbol: str, left: Value, right: Value) -> Value:
    """`left symbol right` for `+ - * / % ^`; None unless both are numbers."""
    left, right = first(left), first(right)
    if isinstance(left, bool) or isinstance(right, bool):
        return None
    if isinstance(left, int | float) and isinstance(right, int | float):
        return compute(symbol, left, right)
    return None


def negate(value: Value) -> Value:
    """`-value`; None unless it is a number."""
    value = first(value)
    return -value if isinstance(value, int | float) and not isinstance(value, bool) else None


def first(value: Value) -> Value:
    """The one value to group, show or count by: the first of several events', the value itself else."""
    if isinstance(value, Many):
        return value[0] if value else None
    return value


def number(value: Value) -> int | float | None:
    """The value as a number to aggregate, or None."""
    value = first(value)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None

"""How one value meets one condition: the rules of `model.fetch.Condition` in plain Python.

They are applied to distinct values that are few (resources, scopes) or decoded one by one (events, links,
arrays); columns are compared by Arrow in test_column.
"""

from __future__ import annotations

from collections.abc import Sequence

import re2

from ..model.fetch import Operand, Operator
from ..model.span import Value

_OPPOSITE = {Operator.NE: Operator.EQ, Operator.NOT_MATCH: Operator.MATCH}
_ORDER = {Operator.LT: (-1,), Operator.LE: (-1, 0), Operator.GT: (1,), Operator.GE: (1, 0)}


def satisfies(value: Value, operator: Operator, operands: Sequence[Operand]) -> bool:
    """Whether a value that is there satisfies the comparison; see `Condition` for arrays."""
    if operator is Operator.EXISTS:
        return value is not None
    if operator is Operator.ABSENT:
        return value is None
    if isinstance(value, tuple):
        opposite = _OPPOSITE.get(operator)
        if opposite is None:
            return any(_compare(element, operator, operand) for element in value for operand in operands)
        return any(not any(_compare(element, opposite, operand) for element in value) for operand in operands)
    return any(_compare(value, operator, operand) for operand in operands)


def _compare(value: Value, operator: Operator, operand: Operand) -> bool:
    if isinstance(operand, str):
        if not isinstance(value, str):
            return False
        if operator in (Operator.MATCH, Operator.NOT_MATCH):
            return _matches(operand, value) is (operator is Operator.MATCH)
    elif isinstance(operand, bool):
        if not isinstance(value, bool) or operator not in (Operator.EQ, Operator.NE):
            return False
    elif isinstance(value, bool) or not isinstance(value, int | float):
        return False
    if operator is Operator.EQ:
        return value == operand
    if operator is Operator.NE:
        return value != operand
    # Types were made equal above, and NaN is neither less nor greater nor equal.
    sign = 1 if value > operand else -1 if value < operand else 0 if value == operand else None  # type: ignore[operator] # narrowed pairwise
    return sign in _ORDER.get(operator, ())


def _matches(pattern: str, value: str) -> bool:
    return re2.fullmatch(pattern, value) is not None

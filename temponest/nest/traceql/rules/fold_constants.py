"""`10 * 1024` is 10240 before the first span is looked at, and `1 < 2` is true."""

from __future__ import annotations

from typing import Any

from ..check import type_of
from ..fold import compute
from ..operations import compare, negate
from ..tree import NUMERIC, Binary, Literal, Query, Type, Unary
from .transform import transform

_COMPARISONS = frozenset(("=", "!=", "<", "<=", ">", ">="))


def fold_constants(query: Query) -> Query:
    """Replace arithmetic and comparisons of constants by their result, where there is one."""
    return transform(query, _folded)


def _folded(node: Any) -> Any:
    match node:
        case Unary(operator="-", operand=Literal() as operand):
            value = negate(operand.value)
            return Literal(operand.type, value, node.at) if isinstance(value, int | float) else node
        case Binary(left=Literal() as left, right=Literal() as right):
            return _binary(node, left, right)
        case _:
            return node


def _binary(node: Binary, left: Literal, right: Literal) -> Binary | Literal:
    if node.operator in _COMPARISONS:
        return Literal(Type.BOOLEAN, compare(node.operator, left.value, right.value), node.at)
    if left.type not in NUMERIC or right.type not in NUMERIC:
        return node
    a, b = left.value, right.value
    if not isinstance(a, int | float) or not isinstance(b, int | float):
        return node
    value = compute(node.operator, a, b)
    if value is None:
        return node
    kind = type_of(node)
    if isinstance(value, float):
        kind = Type.FLOAT
    return Literal(kind, value, node.at)

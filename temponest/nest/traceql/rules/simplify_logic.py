"""`true && x` is x, `false && x` is false, `{ true }` is `{ }`: what is left can be asked of the store."""

from __future__ import annotations

from typing import Any

from ..check import type_of
from ..tree import Binary, FieldExpression, Filter, Literal, Query, Type, Unary
from .transform import transform


def simplify_logic(query: Query) -> Query:
    """Remove constants from `&&`, `||` and `!`."""
    return transform(query, _simplified)


def _simplified(node: Any) -> Any:
    match node:
        case Binary(operator="&&" | "||" as operator, left=left, right=right):
            # One constant decides, the other changes nothing.
            decisive = operator == "||"
            for constant, other in ((left, right), (right, left)):
                if isinstance(constant, Literal) and constant.type is Type.BOOLEAN:
                    if constant.value is decisive:
                        return Literal(Type.BOOLEAN, decisive, node.at)
                    if type_of(other) is Type.BOOLEAN and not _may_be_nothing(other):
                        return other
            return node
        case Unary(operator="!", operand=Literal(type=Type.BOOLEAN) as literal):
            return Literal(Type.BOOLEAN, not literal.value, node.at)
        case Filter(expression=Literal(type=Type.BOOLEAN, value=True)):
            return Filter(None, node.at)
        case _:
            return node


def _may_be_nothing(node: FieldExpression) -> bool:
    """`!span.a` is nothing, not false, where the attribute is missing; `true && !span.a` is false there."""
    return isinstance(node, Unary) and node.operator == "!"

"""Which attributes and intrinsics a part of a query speaks of."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from ..model.fetch import Attribute, AttributeScope
from .tree import Binary, FieldExpression, FieldRef, Filter, Pipeline, Select, SpansetOperation, Unary


def fields_of(node: object) -> Iterator[FieldRef]:
    """Every field of a pipeline, stage or expression that filters or selects, in order of appearance."""
    match node:
        case Pipeline():
            for stage in node.stages:
                yield from fields_of(stage)
        case SpansetOperation() | Binary():
            yield from fields_of(node.left)
            yield from fields_of(node.right)
        case Filter():
            yield from fields_of(node.expression)
        case Unary():
            yield from fields_of(node.operand)
        case FieldRef():
            yield node
        case Select():
            yield from node.fields


def expression_fields(node: FieldExpression) -> list[FieldRef]:
    """Every attribute and intrinsic of an expression, in order of appearance."""
    return list(fields_of(node))


def columns_wanted(fields: Iterable[FieldRef]) -> list[Attribute]:
    """The columns to ask a store for; durations come with every batch."""
    wanted = dict.fromkeys(attribute for field in fields for attribute in (field.attribute, *field.aliases))
    wanted.pop(Attribute(AttributeScope.INTRINSIC, "duration"), None)
    return list(wanted)

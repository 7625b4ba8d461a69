"""Tree → what to ask of the store: conditions that every answer's spans must satisfy.

The request may ask for more than the query wants, never for less; the evaluator filters again. The window
is that of the matched spans, so a structural operator asks for its right side only.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..model.fetch import Attribute, AttributeScope, Condition, FetchRequest, Operand, Operator
from .check import type_of
from .evaluate import full_id
from .tree import (
    Binary,
    FieldExpression,
    FieldRef,
    Filter,
    Literal,
    Pipeline,
    SpansetOperation,
    Stage,
    Type,
    Unary,
)

# Intrinsics that follow from the whole tree of a trace: a store need not know them.
COMPUTED = frozenset(
    {"span:childCount", "event:timeSinceStart", "nestedSetLeft", "nestedSetRight", "nestedSetParent"}
)
# Intrinsics of the whole trace, the same on each of its spans.
OF_TRACE = frozenset({"traceDuration", "rootName", "rootServiceName"})
_FLIPPED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


@dataclass(frozen=True, slots=True)
class Needs:
    """Conditions of which a matching span satisfies all, or at least one; none at all is every span."""

    conditions: tuple[Condition, ...] = ()
    all_conditions: bool = True


EVERYTHING = Needs()


def fetch_request(pipeline: Pipeline, start_ns: int, end_ns: int, limit: int) -> FetchRequest:
    """The request for a pipeline's traces; times in nanoseconds, 0 is unbounded."""
    needs = pipeline_needs(pipeline)
    return FetchRequest(start_ns, end_ns, needs.conditions, needs.all_conditions, limit)


def pipeline_needs(pipeline: Pipeline) -> Needs:
    """What the spans that a pipeline lets through have in common."""
    return stage_needs(pipeline.stages[0])


def filter_needs(node: Filter) -> Needs:
    """What the spans that a filter lets through have in common."""
    return EVERYTHING if node.expression is None else _field_needs(node.expression)


def stage_needs(stage: Stage) -> Needs:
    """What the spans that a stage lets through have in common."""
    match stage:
        case Filter():
            return filter_needs(stage)
        case SpansetOperation(operator=operator):
            if operator in ("&&", "||") or operator.startswith("&"):
                return _either(stage_needs(stage.left), stage_needs(stage.right))
            return stage_needs(stage.right)
        case Pipeline():
            return pipeline_needs(stage)
        case _:
            return EVERYTHING


def _field_needs(node: FieldExpression) -> Needs:
    if isinstance(node, Binary) and node.operator == "&&":
        return _both(_field_needs(node.left), _field_needs(node.right))
    if isinstance(node, Binary) and node.operator == "||":
        return _either(_field_needs(node.left), _field_needs(node.right))
    condition = _condition(node)
    return EVERYTHING if condition is None else Needs((condition,))


def _both(left: Needs, right: Needs) -> Needs:
    if left.all_conditions and right.all_conditions:
        return Needs((*left.conditions, *right.conditions))
    return max(left, right, key=_worth)


def _either(left: Needs, right: Needs) -> Needs:
    if not left.conditions or not right.conditions:
        return EVERYTHING
    merged: dict[tuple[Attribute, Operator], Condition] = {}
    for condition in (*_any_of(left), *_any_of(right)):
        key = (condition.attribute, condition.operator)
        before = merged.get(key)
        if before is None or condition.operator in (Operator.EXISTS, Operator.ABSENT):
            merged[key] = condition
        else:
            operands = tuple(dict.fromkeys((*before.operands, *condition.operands)))
            merged[key] = Condition(before.attribute, before.operator, operands, before.aliases)
    conditions = tuple(merged.values())
    return Needs(conditions, all_conditions=len(conditions) == 1)


def _any_of(needs: Needs) -> tuple[Condition, ...]:
    """Conditions of which one must hold: of several that all must, the one that excludes most."""
    if not needs.all_conditions:
        return needs.conditions
    return (max(needs.conditions, key=_selectivity),)


def _worth(needs: Needs) -> int:
    if not needs.conditions:
        return -1
    worths = [_selectivity(condition) for condition in needs.conditions]
    return max(worths) if needs.all_conditions else min(worths)


def _selectivity(condition: Condition) -> int:
    if condition.attribute.name in ("trace:id", "span:id"):
        return 9
    match condition.operator:
        case Operator.EQ:
            return 3 if isinstance(condition.operands[0], str) else 2
        case Operator.MATCH | Operator.GT | Operator.GE | Operator.LT | Operator.LE:
            return 1
        case _:
            return 0


def _condition(node: FieldExpression) -> Condition | None:
    """The store's form of a single test, or None where the store has none."""
    match node:
        case FieldRef() if _stored(node):
            return Condition(node.attribute, Operator.EQ, (True,), node.aliases)
        case Unary(operator="exists", operand=FieldRef() as field) if _stored(field):
            return Condition(field.attribute, Operator.EXISTS, (), field.aliases)
        case Unary(operator="absent", operand=FieldRef() as field) if _stored(field):
            return Condition(field.attribute, Operator.ABSENT, (), field.aliases)
        case Binary(operator=symbol, left=FieldRef() as field, right=Literal() as literal):
            return _comparison(symbol, field, literal)
        case Binary(operator=symbol, left=Literal() as literal, right=FieldRef() as field):
            return _comparison(_FLIPPED[symbol], field, literal) if symbol in _FLIPPED else None
        case _:
            return None


def _comparison(symbol: str, field: FieldRef, literal: Literal) -> Condition | None:
    if symbol in "+-*/%^" or not _stored(field):
        return None
    if (literal.type in (Type.STATUS, Type.KIND)) != (type_of(field) in (Type.STATUS, Type.KIND)):
        return None
    value: Operand = literal.value
    if isinstance(value, str) and symbol not in ("=~", "!~"):
        value = full_id(field, value)
    return Condition(field.attribute, Operator(symbol), (value,), field.aliases)


def _stored(field: FieldRef) -> bool:
    return not (field.attribute.scope is AttributeScope.INTRINSIC and field.attribute.name in COMPUTED)

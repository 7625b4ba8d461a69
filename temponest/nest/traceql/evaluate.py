"""A checked tree → functions over one trace: which spans match, and how pipelines regroup them.

`field_function` compiles an expression on one span, `pipeline_function` a whole pipeline. Types are looked at
once, when a query is compiled, and not again for each span.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias

from ..model.fetch import AttributeScope
from ..model.span import Value
from . import structure
from .check import type_of
from .fields import ID_DIGITS, Getter, format_duration, getter, shown
from .operations import Test, calculate, compare, comparison, first, negate, number
from .printer import print_node
from .trace import Trace
from .tree import (
    Aggregate,
    Binary,
    Coalesce,
    FieldExpression,
    FieldRef,
    Filter,
    GroupBy,
    Literal,
    Pipeline,
    ScalarFilter,
    Select,
    SpansetExpression,
    SpansetOperation,
    Stage,
    Type,
    Unary,
)


@dataclass(slots=True)
class Spanset:
    """Spans of one trace by index, in its order, and what `by()` and aggregates found out about them."""

    spans: list[int]
    attributes: list[tuple[str, Value]] = field(default_factory=list)


Resolver: TypeAlias = Callable[[FieldRef], Getter]
Spansets: TypeAlias = list[Spanset]
StageFunction: TypeAlias = Callable[[Trace, Spansets], Spansets]
Selector: TypeAlias = Callable[[Trace, list[int]], list[int]]

_FLIPPED = {"=": "=", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_WORDS = (Type.STATUS, Type.KIND)


def field_function(node: FieldExpression, resolve: Resolver = getter) -> Getter:
    """Compile an expression on one span; its value is None where attributes are missing or no numbers.

    Args:
        node: the expression.
        resolve: gives the function that reads a field; by default from the spans of a trace.
    """
    match node:
        case Literal():
            value = node.value
            return lambda _trace, _index: value
        case FieldRef():
            return resolve(node)
        case Unary():
            return _unary(node, field_function(node.operand, resolve))
        case Binary():
            left, right = field_function(node.left, resolve), field_function(node.right, resolve)
            return _binary(node, left, right)


def filter_function(node: Filter) -> Getter | None:
    """Compile a filter; None when every span passes."""
    return None if node.expression is None else field_function(node.expression)


def _unary(node: Unary, operand: Getter) -> Getter:
    match node.operator:
        case "-":
            return lambda trace, index: negate(operand(trace, index))
        case "!":
            return lambda trace, index: _not(operand(trace, index))
        case "exists":
            return lambda trace, index: first(operand(trace, index)) is not None
        case _:
            return lambda trace, index: first(operand(trace, index)) is None


def _not(value: Value) -> Value:
    return not value if isinstance(value, bool) else None


def _binary(node: Binary, left: Getter, right: Getter) -> Getter:
    symbol = node.operator
    if symbol == "&&":
        return lambda trace, index: left(trace, index) is True and right(trace, index) is True
    if symbol == "||":
        return lambda trace, index: left(trace, index) is True or right(trace, index) is True
    if symbol in "+-*/%^":
        return lambda trace, index: calculate(symbol, left(trace, index), right(trace, index))
    if (type_of(node.left) in _WORDS) != (type_of(node.right) in _WORDS):
        # An attribute is never a status or a kind, whatever number it holds.
        return lambda _trace, _index: False
    if isinstance(node.right, Literal):
        return _tested(left, literal_test(symbol, node.right, node.left))
    if isinstance(node.left, Literal) and symbol in _FLIPPED:
        return _tested(right, literal_test(_FLIPPED[symbol], node.left, node.right))
    return lambda trace, index: compare(symbol, left(trace, index), right(trace, index))


def _tested(read: Getter, test: Test) -> Getter:
    return lambda trace, index: test(read(trace, index))


def literal_test(symbol: str, literal: Literal, other: FieldExpression) -> Test:
    """The test of `other symbol literal`, with identifiers brought to their full length."""
    value = literal.value
    if isinstance(value, str) and isinstance(other, FieldRef) and symbol not in ("=~", "!~"):
        value = full_id(other, value)
    return comparison(symbol, value)


def full_id(field: FieldRef, text: str) -> str:
    """An identifier in the query as the store has it: lower case, with its leading zeros."""
    if field.attribute.scope is not AttributeScope.INTRINSIC or not text:
        return text
    digits = ID_DIGITS.get(field.attribute.name)
    return text.lower().rjust(digits, "0") if digits else text


# --- spansets ---


def pipeline_function(pipeline: Pipeline) -> Callable[[Trace], Spansets]:
    """Compile a pipeline into a function from a trace to its matching spansets, none of them empty."""
    run = _pipeline(pipeline)
    return lambda trace: run(trace, [Spanset(list(range(len(trace.spans))))])


def _pipeline(pipeline: Pipeline) -> StageFunction:
    stages = [_stage(stage) for stage in pipeline.stages]

    def run(trace: Trace, spansets: Spansets) -> Spansets:
        for stage in stages:
            spansets = stage(trace, spansets)
            if not spansets:
                break
        return spansets

    return run


def _stage(stage: Stage) -> StageFunction:
    match stage:
        case Filter() | SpansetOperation():
            return _selecting(_selector(stage))
        case Pipeline():
            return _pipeline(stage)
        case ScalarFilter():
            return _scalar_filter(stage)
        case GroupBy():
            return _group_by(stage)
        case Coalesce():
            return _coalesce
        case Select() | Aggregate():
            return lambda _trace, spansets: spansets


def _selecting(select: Selector) -> StageFunction:
    def run(trace: Trace, spansets: Spansets) -> Spansets:
        return [
            Spanset(spans, list(spanset.attributes))
            for spanset in spansets
            if (spans := select(trace, spanset.spans))
        ]

    return run


def _selector(node: SpansetExpression) -> Selector:
    match node:
        case Filter():
            test = filter_function(node)
            if test is None:
                return lambda _trace, spans: spans
            return lambda trace, spans: [index for index in spans if test(trace, index) is True]
        case SpansetOperation():
            left, right = _selector(node.left), _selector(node.right)
            return structure.operation(node.operator, left, right)
        case Pipeline():
            run = _pipeline(node)
            return lambda trace, spans: sorted(
                {index for spanset in run(trace, [Spanset(spans)]) for index in spanset.spans}
            )


def _group_by(stage: GroupBy) -> StageFunction:
    read = field_function(stage.expression)
    key = print_node(stage)

    def run(trace: Trace, spansets: Spansets) -> Spansets:
        grouped: Spansets = []
        for spanset in spansets:
            groups: dict[object, Spanset] = {}
            for index in spanset.spans:
                value = first(read(trace, index))
                # True and 1 are one dictionary key but not one value; mappings are no key at all.
                found = groups.get(group := (type(value), repr(value)))
                if found is None:
                    label = _shown_expression(stage.expression, value)
                    found = groups[group] = Spanset([], [*spanset.attributes, (key, label)])
                found.spans.append(index)
            grouped.extend(groups.values())
        return grouped

    return run


def _coalesce(_: Trace, spansets: Spansets) -> Spansets:
    every = sorted({index for spanset in spansets for index in spanset.spans})
    return [Spanset(every)]


def _scalar_filter(stage: ScalarFilter) -> StageFunction:
    aggregate, limit = stage.left, stage.right
    if not isinstance(aggregate, Aggregate) or not isinstance(limit, Literal):
        raise TypeError("check() lets only aggregates compared with numbers through")
    key, function, symbol, value = print_node(aggregate), aggregate.function, stage.operator, limit.value
    operand = aggregate.operand
    read = None if operand is None else field_function(operand)
    is_duration = operand is not None and type_of(operand) is Type.DURATION

    def run(trace: Trace, spansets: Spansets) -> Spansets:
        kept = []
        for spanset in spansets:
            result = aggregated(function, read, trace, spanset.spans)
            if result is not None and compare(symbol, result, value):
                label: Value = format_duration(result) if is_duration else result
                kept.append(Spanset(spanset.spans, [*spanset.attributes, (key, label)]))
        return kept

    return run


def aggregated(function: str, read: Getter | None, trace: Trace, spans: list[int]) -> int | float | None:
    """`count`, `sum`, `avg`, `min` or `max` of what `read` finds on the spans; None without any number."""
    if read is None:
        return len(spans)
    values = [value for index in spans if (value := number(read(trace, index))) is not None]
    if not values:
        return None
    match function:
        case "sum":
            return sum(values)
        case "avg":
            return sum(values) / len(values)
        case "min":
            return min(values)
        case _:
            return max(values)


def _shown_expression(expression: FieldExpression, value: Value) -> Value:
    if value is None:
        return "nil"
    return shown(expression.attribute, value) if isinstance(expression, FieldRef) else value

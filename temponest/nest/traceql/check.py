"""What a query means, before it runs: types, regular expressions, and what no engine answers yet.

A query that passes has an answer; every later pass relies on it.
"""

from __future__ import annotations

from ..model.fetch import Attribute, AttributeScope
from ..model.regex import check_pattern
from .errors import InvalidQueryError, UnsupportedError
from .printer import Node, print_node
from .tree import (
    NUMERIC,
    Aggregate,
    Binary,
    Compare,
    FieldExpression,
    FieldRef,
    Filter,
    GroupBy,
    Literal,
    MetricsExpression,
    MetricsMath,
    MetricsQuery,
    Pipeline,
    Query,
    ScalarExpression,
    ScalarFilter,
    ScalarOperation,
    Select,
    SpansetExpression,
    SpansetOperation,
    Stage,
    TopK,
    Type,
    Unary,
)

_INTRINSIC_TYPES = {
    "duration": Type.DURATION,
    "traceDuration": Type.DURATION,
    "event:timeSinceStart": Type.DURATION,
    "status": Type.STATUS,
    "kind": Type.KIND,
    "nestedSetLeft": Type.INTEGER,
    "nestedSetRight": Type.INTEGER,
    "nestedSetParent": Type.INTEGER,
    "span:childCount": Type.INTEGER,
    "parent": Type.ATTRIBUTE,
}
_ARITHMETIC = frozenset("+-*/%^")
_ORDER = frozenset(("<", "<=", ">", ">="))
_REGEX = frozenset(("=~", "!~"))
_OPERATORS_OF = {
    Type.BOOLEAN: {"&&", "||", "=", "!="},
    Type.STRING: {"=", "!=", *_ORDER, *_REGEX},
    Type.STATUS: {"=", "!="},
    Type.KIND: {"=", "!="},
    **{numeric: {"=", "!=", *_ORDER, *_ARITHMETIC} for numeric in NUMERIC},
}
# More values of one attribute are no help to anybody who looks for the one that stands out.
MAX_COMPARED_VALUES = 1_000
_SERVICE_NAME = Attribute(AttributeScope.RESOURCE, "service.name")


def check(query: Query) -> None:
    """Refuse what has no meaning.

    Raises:
        InvalidQueryError: types do not fit, a regular expression is malformed, or a number is out of range.
        UnsupportedError: the query is meaningful, but neither Tempo nor this engine answers it.
    """
    if isinstance(query.body, Pipeline):
        _pipeline(query.body)
    else:
        _metrics(query.body)


def type_of(node: FieldExpression) -> Type:
    """The type of an expression as far as the query alone tells."""
    match node:
        case Literal():
            return node.type
        case FieldRef():
            if node.attribute.scope is not AttributeScope.INTRINSIC:
                return Type.ATTRIBUTE
            return _INTRINSIC_TYPES.get(node.attribute.name, Type.STRING)
        case Unary():
            return type_of(node.operand) if node.operator == "-" else Type.BOOLEAN
        case Binary():
            if node.operator not in _ARITHMETIC:
                return Type.BOOLEAN
            left, right = type_of(node.left), type_of(node.right)
            return right if left is Type.ATTRIBUTE else left


def references_span(node: FieldExpression) -> bool:
    """Whether the value can differ from span to span."""
    match node:
        case Literal():
            return False
        case FieldRef():
            return True
        case Unary():
            return references_span(node.operand)
        case Binary():
            return references_span(node.left) or references_span(node.right)


def _pipeline(pipeline: Pipeline) -> None:
    for stage in pipeline.stages:
        _stage(stage)


def _stage(stage: Stage) -> None:
    match stage:
        case Filter() | SpansetOperation() | Pipeline():
            _spanset(stage)
        case ScalarFilter():
            _scalar_filter(stage)
        case Aggregate():
            _aggregate(stage)
        case GroupBy():
            _field(stage.expression)
            _needs_span("by()", stage.expression, stage)
        case Select():
            for field in stage.fields:
                _field(field)


def _spanset(node: SpansetExpression) -> None:
    match node:
        case Filter():
            if node.expression is not None:
                _field(node.expression)
                if type_of(node.expression) not in (Type.ATTRIBUTE, Type.BOOLEAN):
                    raise InvalidQueryError(f"a filter must be true or false: {print_node(node)}")
        case SpansetOperation():
            _spanset(node.left)
            _spanset(node.right)
        case Pipeline():
            _pipeline(node)


def _field(node: FieldExpression) -> None:
    match node:
        case FieldRef():
            if node.parent or node.attribute == Attribute(AttributeScope.INTRINSIC, "parent"):
                raise UnsupportedError(f"parent is not supported yet: {print_node(node)}")
        case Unary():
            _field(node.operand)
            _unary(node)
        case Binary():
            _field(node.left)
            _field(node.right)
            _binary(node.operator, type_of(node.left), type_of(node.right), node)
            if node.operator in _REGEX:
                _regex(node)


def _unary(node: Unary) -> None:
    operand, found = node.operand, type_of(node.operand)
    if node.operator == "absent" and isinstance(operand, FieldRef):
        always = operand.attribute.scope is AttributeScope.INTRINSIC or operand.attribute == _SERVICE_NAME
        if always:
            raise InvalidQueryError(f"{print_node(operand)} is never nil: {print_node(node)}")
    if found is Type.ATTRIBUTE or node.operator in ("exists", "absent"):
        return
    if found not in NUMERIC if node.operator == "-" else found is not Type.BOOLEAN:
        raise InvalidQueryError(f"'{node.operator}' cannot be applied to {_a(found)}: {print_node(node)}")


def _binary(operator: str, left: Type, right: Type, node: Node) -> None:
    fits = left is right or Type.ATTRIBUTE in (left, right) or (left in NUMERIC and right in NUMERIC)
    if not fits:
        raise InvalidQueryError(f"{_a(left)} and {_a(right)} have no '{operator}': {print_node(node)}")
    for side in (left, right):
        if side is not Type.ATTRIBUTE and operator not in _OPERATORS_OF[side]:
            raise InvalidQueryError(f"{_a(side)} has no '{operator}': {print_node(node)}")


def _a(found: Type) -> str:
    return f"{'an' if found in (Type.ATTRIBUTE, Type.INTEGER) else 'a'} {found}"


def _regex(node: Binary) -> None:
    pattern = node.right
    if not isinstance(pattern, Literal) or not isinstance(pattern.value, str):
        raise InvalidQueryError(f"a regular expression must be a string: {print_node(node)}")
    problem = check_pattern(pattern.value)
    if problem:
        raise InvalidQueryError(f"invalid regular expression ({problem}): {print_node(node)}")


def _scalar_filter(node: ScalarFilter) -> None:
    left, right = _scalar(node.left), _scalar(node.right)
    _binary(node.operator, left, right, node)
    if not isinstance(node.left, Aggregate) or not isinstance(node.right, Literal):
        raise UnsupportedError(
            "an aggregate can only be compared with a number or duration on its right, as in"
            f" count() > 2: {print_node(node)}"
        )


def _scalar(node: ScalarExpression) -> Type:
    match node:
        case Literal():
            return node.type
        case Aggregate():
            return _aggregate(node)
        case ScalarOperation():
            left, right = _scalar(node.left), _scalar(node.right)
            _binary(node.operator, left, right, node)
            return right if left is Type.ATTRIBUTE else left
        case Pipeline():
            _pipeline(node)
            last = node.stages[-1]
            return _aggregate(last) if isinstance(last, Aggregate) else Type.ATTRIBUTE


def _aggregate(node: Aggregate) -> Type:
    if node.operand is None:
        return Type.INTEGER
    _field(node.operand)
    found = type_of(node.operand)
    if found is not Type.ATTRIBUTE and found not in NUMERIC:
        raise InvalidQueryError(f"{node.function}() needs numbers, not {_a(found)}: {print_node(node)}")
    _needs_span(f"{node.function}()", node.operand, node)
    return found


def _needs_span(what: str, expression: FieldExpression, node: Node) -> None:
    if not references_span(expression):
        raise InvalidQueryError(f"{what} needs an attribute of the span: {print_node(node)}")


def _metrics(node: MetricsExpression) -> None:
    match node:
        case MetricsMath():
            _metrics(node.left)
            _metrics(node.right)
            compares = _has_compare(node.left) or _has_compare(node.right)
        case MetricsQuery():
            _pipeline(node.pipeline)
            _function(node)
            compares = isinstance(node.function, Compare) and bool(node.stages)
        case _:
            return
    if compares:
        raise InvalidQueryError(
            f"compare() has no arithmetic, topk(), bottomk() or comparison: {print_node(node)}"
        )
    for stage in node.stages:
        if isinstance(stage, TopK) and stage.k <= 0:
            raise InvalidQueryError(f"{stage.function}() needs a number above zero: {print_node(stage)}")


def _has_compare(node: MetricsExpression) -> bool:
    match node:
        case MetricsMath():
            return _has_compare(node.left) or _has_compare(node.right)
        case MetricsQuery():
            return isinstance(node.function, Compare)
        case _:
            return False


def _function(node: MetricsQuery) -> None:
    function = node.function
    if isinstance(function, Compare):
        _spanset(function.selection)
        if not 0 < function.top <= MAX_COMPARED_VALUES:
            raise InvalidQueryError(
                f"compare() shows from 1 to {MAX_COMPARED_VALUES} values: {print_node(function)}"
            )
        if (function.start_ns or function.end_ns) and not 0 < function.start_ns < function.end_ns:
            raise InvalidQueryError(
                f"compare() takes start and end in nanoseconds, start first: {print_node(function)}"
            )
        return
    for field in function.by:
        _field(field)
    if function.measured is not None:
        _field(function.measured)
        found = type_of(function.measured)
        if found is not Type.ATTRIBUTE and found not in NUMERIC:
            raise InvalidQueryError(
                f"{function.function}() needs numbers, not {_a(found)}: {print_node(function)}"
            )
    for quantile in function.quantiles:
        if not 0 <= quantile <= 1:
            raise InvalidQueryError(f"a quantile is between 0 and 1: {print_node(function)}")

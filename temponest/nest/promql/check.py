"""What the grammar lets through and means nothing: types, arguments, matchers."""

from __future__ import annotations

from ..model.regex import check_pattern
from ..model.regex import matcher as matcher_of
from ..model.series import Matcher, MatchOperator
from .errors import ParseError
from .signatures import PARAMETERS, SIGNATURES, Type, type_of
from .tree import (
    COMPARISONS,
    SETS,
    Aggregation,
    Binary,
    Expression,
    FunctionCall,
    Selector,
    Subquery,
    Unary,
    unwrapped,
    walk,
)


def check(tree: Expression, text: str) -> None:
    """Check every node.

    Raises:
        ParseError: one of them cannot be evaluated, whatever the data.
    """
    labels_only = {
        id(node.arguments[1])
        for node in walk(tree)
        if isinstance(node, FunctionCall) and node.name == "info" and len(node.arguments) > 1
    }
    for node in walk(tree):
        problem = _problem(node, any_matcher=id(node) in labels_only)
        if problem:
            raise ParseError(problem, text, node.span.start)


def _problem(node: Expression, *, any_matcher: bool) -> str:
    match node:
        case Aggregation():
            return _aggregation(node)
        case Binary():
            return _binary(node)
        case FunctionCall():
            return _call(node)
        case Unary() if type_of(node.expression) not in {Type.SCALAR, Type.VECTOR}:
            found = type_of(node.expression).value
            wanted = "expressions of type scalar or instant vector"
            return f"unary expression only allowed on {wanted}, got {found!r}"
        case Subquery() if type_of(node.expression) is not Type.VECTOR:
            return f"subquery is only allowed on instant vector, got {type_of(node.expression).value} instead"
        case Selector():
            return _selector(node, any_matcher=any_matcher)
    return ""


def _aggregation(node: Aggregation) -> str:
    found = type_of(node.expression)
    if found is not Type.VECTOR:
        return f"expected type {Type.VECTOR.value} in aggregation expression, got {found.value}"
    wanted = PARAMETERS.get(node.operator)
    if wanted is not None and node.parameter is not None and type_of(node.parameter) is not wanted:
        return f"expected type {wanted.value} in aggregation parameter, got {type_of(node.parameter).value}"
    return ""


def _binary(node: Binary) -> str:
    types = type_of(node.left), type_of(node.right)
    matching = node.matching
    if any(one not in {Type.SCALAR, Type.VECTOR} for one in types):
        return "binary expression must contain only scalar and instant vector types"
    if node.as_bool and node.operator not in COMPARISONS:
        return "bool modifier can only be used on comparison operators"
    if types == (Type.SCALAR, Type.SCALAR) and node.operator in COMPARISONS and not node.as_bool:
        return "comparisons between scalars must use BOOL modifier"
    shared = set(matching.labels) & set(matching.include) if matching.on else set()
    if shared:
        return f"label {min(shared)!r} must not occur in ON and GROUP clause at once"
    filled = matching.fill_left is not None or matching.fill_right is not None
    if Type.SCALAR in types:
        if node.operator in SETS:
            return f"set operator {node.operator!r} not allowed in binary scalar expression"
        if matching.labels:
            return "vector matching only allowed between instant vectors"
        if filled:
            return "filling in missing series only allowed between instant vectors"
    elif node.operator in SETS:
        if matching.many:
            return f"no grouping allowed for {node.operator!r} operation"
        if filled:
            return "filling in missing series not allowed for set operators"
    return ""


def _call(node: FunctionCall) -> str:
    signature, given = SIGNATURES[node.name], len(node.arguments)
    wanted = len(signature.arguments)
    if signature.more == 0 and given != wanted:
        return f"expected {wanted} argument(s) in call to {node.name!r}, got {given}"
    if signature.more != 0 and given < wanted - 1:
        return f"expected at least {wanted - 1} argument(s) in call to {node.name!r}, got {given}"
    if signature.more > 0 and given > wanted - 1 + signature.more:
        most = wanted - 1 + signature.more
        return f"expected at most {most} argument(s) in call to {node.name!r}, got {given}"
    for index, argument in enumerate(node.arguments):
        expected = signature.arguments[min(index, wanted - 1)]
        if type_of(argument) is not expected:
            found = type_of(argument).value
            return f"expected type {expected.value} in call to function {node.name!r}, got {found}"
    if node.name == "info" and given > 1:
        labels = unwrapped(node.arguments[1])
        if not isinstance(labels, Selector) or labels.name:
            return 'info takes label selectors only, such as {data=~".+"}'
    return ""


def _selector(node: Selector, *, any_matcher: bool) -> str:
    for matcher in node.matchers:
        problem = _regular(matcher)
        if problem:
            return problem
    if node.name:
        twice = [one for one in node.matchers[:-1] if one.name == "__name__"]
        if twice:
            return f"metric name must not be set twice: {node.name!r} or {twice[0].value!r}"
        return ""
    if not any_matcher and all(matches(matcher, "") for matcher in node.matchers):
        return "vector selector must contain at least one non-empty matcher"
    return ""


def _regular(matcher: Matcher) -> str:
    if matcher.operator in {MatchOperator.MATCH, MatchOperator.NOT_MATCH}:
        reason = check_pattern(anchored(matcher.value))
        if reason:
            return f"{matcher.value!r} is no regular expression: {reason}"
    return ""


def anchored(pattern: str) -> str:
    """A pattern as Prometheus reads it: for a whole value, a dot matching a newline."""
    return f"^(?s:{pattern})$"


def matches(matcher: Matcher, value: str) -> bool:
    """Whether a label's value satisfies a matcher."""
    match matcher.operator:
        case MatchOperator.EQ:
            return matcher.value == value
        case MatchOperator.NE:
            return matcher.value != value
        case MatchOperator.MATCH:
            return matcher_of(anchored(matcher.value))(value)
        case MatchOperator.NOT_MATCH:
            return not matcher_of(anchored(matcher.value))(value)

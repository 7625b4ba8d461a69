"""The tree of a query: frozen nodes, each with where it stands in the text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

from ..model.series import Matcher

COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
SETS = frozenset({"and", "or", "unless"})


@dataclass(frozen=True, slots=True)
class Span:
    """Where a node stands: offsets of its first character and of the one after its last."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class DurationOperation:
    """A duration that is computed: `5m * 2`, `step()`, `max_of(step(), 1m)`; operands in seconds.

    Attributes:
        operator: an arithmetic operator, `step`, `range`, `min_of` or `max_of`.
        operands: none for `step` and `range`, one for a sign.
        span: where it stands.
    """

    operator: str
    operands: tuple[DurationExpression, ...]
    span: Span


DurationExpression: TypeAlias = float | DurationOperation
"""Seconds, or how they are computed once the step and the range of the query are known."""


@dataclass(frozen=True, slots=True)
class Number:
    """A number or a duration in seconds."""

    value: float
    span: Span


@dataclass(frozen=True, slots=True)
class String:
    """A string, unquoted."""

    value: str
    span: Span


@dataclass(frozen=True, slots=True)
class Paren:
    """An expression in brackets."""

    expression: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Unary:
    """A sign before a vector, or before a scalar that is no literal."""

    operator: str
    expression: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Matching:
    """How the series of two vectors find each other.

    Attributes:
        on: True where `labels` are those that must agree, False where they are left out.
        labels: the labels of `on(...)` or `ignoring(...)`.
        many: "left" or "right" where that side may have several series to one of the other.
        include: labels that the many side takes over from the one.
        fill_left: the value of a series that only the right side has; None where there is no answer.
        fill_right: the same for the other side.
    """

    on: bool = False
    labels: tuple[str, ...] = ()
    many: str = ""
    include: tuple[str, ...] = ()
    fill_left: float | None = None
    fill_right: float | None = None


@dataclass(frozen=True, slots=True)
class Binary:
    """Two expressions and the operator between them; `as_bool` where a comparison gives 1 or 0."""

    operator: str
    left: Expression
    right: Expression
    matching: Matching
    as_bool: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Selector:
    """An instant vector selector.

    Attributes:
        matchers: of labels, the one of the name included.
        name: the metric's name where it stands before the braces, else "".
        offset: how far back it looks.
        at: a time in ms, "start" or "end" of the query; None where it follows the grid.
        extension: "anchored" or "smoothed", else "".
    """

    matchers: tuple[Matcher, ...]
    name: str
    span: Span
    offset: DurationExpression = 0.0
    at: int | str | None = None
    extension: str = ""


@dataclass(frozen=True, slots=True)
class Range:
    """A range vector selector."""

    selector: Selector
    duration: DurationExpression
    span: Span


@dataclass(frozen=True, slots=True)
class Subquery:
    """An expression evaluated over a range of times of its own; `step` None means the default one."""

    expression: Expression
    duration: DurationExpression
    step: DurationExpression | None
    span: Span
    offset: DurationExpression = 0.0
    at: int | str | None = None


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """A call of a function."""

    name: str
    arguments: tuple[Expression, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Aggregation:
    """An aggregation by some labels, or without some."""

    operator: str
    expression: Expression
    parameter: Expression | None
    labels: tuple[str, ...] = ()
    without: bool = False
    span: Span = field(default=Span(0, 0))


Expression: TypeAlias = (
    Number | String | Paren | Unary | Binary | Selector | Range | Subquery | FunctionCall | Aggregation
)


def unwrapped(node: Expression) -> Expression:
    """A node without the brackets around it."""
    while isinstance(node, Paren):
        node = node.expression
    return node


def children(node: Expression) -> tuple[Expression, ...]:
    """The expressions a node is made of."""
    match node:
        case Paren() | Unary() | Subquery():
            return (node.expression,)
        case Range():
            return (node.selector,)
        case Binary():
            return (node.left, node.right)
        case FunctionCall():
            return node.arguments
        case Aggregation():
            return (node.expression,) if node.parameter is None else (node.parameter, node.expression)
        case _:
            return ()


def walk(node: Expression) -> Iterator[Expression]:
    """A node and all below it."""
    yield node
    for child in children(node):
        yield from walk(child)

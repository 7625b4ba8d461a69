"""Metric queries: range aggregations are counted here, everything around them is PromQL's arithmetic.

LogQL's operators between vectors are PromQL's. So each range aggregation is replaced by the name of a series,
in a text of the same length, and the PromQL engine evaluates the rest.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..model.budget import Budget
from ..model.log import Ints, LogSource
from ..model.series import Exemplar, Labels, Matcher, Metadata, Series
from ..promql.engine import MAX_STEPS, Engine, Result
from ..promql.errors import QueryError
from ..promql.values import NAME
from .counting import Floats, aggregate
from .errors import InvalidQueryError, ParseError, UnsupportedError
from .parser import RANGE_FUNCTIONS, UNSUPPORTED_FUNCTIONS, Parser
from .tokens import Token, TokenKind, tokenize
from .tree import RangeAggregation

# What may stand around range aggregations: operators over vectors, as LogQL has them.
_AGGREGATIONS = frozenset(
    {"sum", "avg", "min", "max", "count", "stddev", "stdvar", "topk", "bottomk", "sort", "sort_desc"}
)
_FUNCTIONS = _AGGREGATIONS | {"vector", "label_replace"}
_WORDS = frozenset(
    {"by", "without", "on", "ignoring", "group_left", "group_right", "bool", "and", "or", "unless"}
)
_GROUPING = frozenset({"by", "without", "on", "ignoring", "group_left", "group_right"})
_MS = 1_000_000


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """A query in two parts.

    Attributes:
        text: PromQL with `_0`, `_1`, ... where the range aggregations were.
        leaves: those.
    """

    text: str
    leaves: tuple[RangeAggregation, ...]


def is_metric(tokens: Sequence[Token]) -> bool:
    """Whether a query asks for numbers; otherwise it asks for lines."""
    if tokens[0].kind is TokenKind.END:
        return False
    first = next((token for token in tokens if token.value != "("), tokens[-1])
    return not (first.kind is TokenKind.SYMBOL and first.value == "{")


def parse(text: str, tokens: list[Token]) -> MetricQuery:
    """Split a metric query.

    Raises:
        ParseError: it is not LogQL.
        UnsupportedError: it uses what is not answered here.
    """
    made = list(text)
    leaves: list[RangeAggregation] = []
    at = 0
    while tokens[at].kind is not TokenKind.END:
        token = tokens[at]
        name = str(token.value) if token.kind is TokenKind.NAME else ""
        if name in RANGE_FUNCTIONS:
            parser = Parser(text, tokens, at)
            leaf = parser.range_aggregation()
            if leaf.by is None and not leaf.without:
                leaf = _pushed_down(leaf, tokens, at, parser.at)
            placeholder = f"_{len(leaves)}"
            start, end = token.start, tokens[parser.at - 1].end
            made[start:end] = placeholder.ljust(end - start)
            leaves.append(leaf)
            at = parser.at
        elif name in _GROUPING:
            at = _after_brackets(tokens, at + 1)
        else:
            _check(text, token, tokens[at + 1])
            at += 1
    return MetricQuery("".join(made), tuple(leaves))


def _check(text: str, token: Token, following: Token) -> None:
    """Refuse what LogQL does not have outside of range aggregations."""
    if token.kind is TokenKind.NAME:
        name = str(token.value)
        called = following.value == "("
        if name in UNSUPPORTED_FUNCTIONS:
            raise UnsupportedError(f"{name} is not answered here", text, token.start)
        if name in _WORDS or (name in _FUNCTIONS and (called or following.value in _GROUPING)):
            return
        known = ", ".join(sorted(RANGE_FUNCTIONS))
        raise ParseError(f"unknown name {name!r}, expected '{{' or one of {known}, sum", text, token.start)
    if token.kind is TokenKind.SYMBOL and token.value in ("{", "[", "|", "|=", "|~", "=", "=~"):
        raise ParseError(
            f"unexpected {token}; lines are counted by a range aggregation: count_over_time({{...}}[5m])",
            text,
            token.start,
        )


def _after_brackets(tokens: Sequence[Token], at: int) -> int:
    """The token after `(a, b)`, or `at` itself where there are none."""
    if tokens[at].value != "(":
        return at
    while tokens[at].kind is not TokenKind.END and tokens[at].value != ")":
        at += 1
    return min(at + 1, len(tokens) - 1)


def _pushed_down(leaf: RangeAggregation, tokens: Sequence[Token], start: int, end: int) -> RangeAggregation:
    """The leaf with the labels alone that a `sum` around it asks for: lines have labels by the thousand."""
    if leaf.function in ("avg_over_time", "min_over_time", "max_over_time"):
        return leaf
    before = [str(token.value) for token in tokens[:start] if token.kind is not TokenKind.STRING]
    if not before or before[-1] != "(" or tokens[end].value != ")":
        return leaf
    before.pop()
    if before and before[-1] == "sum":
        names, kind, _ = _names(tokens, end + 1)
        return _with(leaf, kind, names)
    if not before or before[-1] != ")":
        return leaf
    opening = len(before) - 1 - before[::-1].index("(")
    if opening < 2 or before[opening - 2] != "sum":
        return leaf
    names = tuple(one for one in before[opening + 1 : -1] if one != ",")
    return _with(leaf, before[opening - 1], names)


def _names(tokens: Sequence[Token], at: int) -> tuple[tuple[str, ...], str, int]:
    """The grouping that follows `sum(...)`."""
    kind = str(tokens[at].value) if at < len(tokens) else ""
    if kind not in ("by", "without"):
        return (), "by", at
    end = _after_brackets(tokens, at + 1)
    names = tuple(str(token.value) for token in tokens[at + 2 : end - 1] if token.kind is TokenKind.NAME)
    return names, kind, end


def _with(leaf: RangeAggregation, kind: str, names: tuple[str, ...]) -> RangeAggregation:
    if kind == "by":
        return replace(leaf, by=names)
    return replace(leaf, without=names) if kind == "without" else leaf


def run(source: LogSource, text: str, times_ns: Ints, budget: Budget, *, instant: bool) -> Result:
    """The value of a metric query at equidistant times.

    Raises:
        LogQLError: see its kinds.
    """
    query = parse(text, tokenize(text))
    times_ms = times_ns // _MS
    counted = _Counted([aggregate(source, leaf, times_ns, budget) for leaf in query.leaves], times_ms)
    # A sample stands for its own step alone.
    engine = Engine(counted, lookback_ms=1)
    try:
        if instant:
            result = engine.instant(query.text, int(times_ms[0]), budget)
        else:
            step = int(times_ms[1] - times_ms[0]) if len(times_ms) > 1 else 1
            result = engine.range(query.text, int(times_ms[0]), int(times_ms[-1]), step, budget)
    except QueryError as error:
        raise InvalidQueryError(str(error)) from None
    for row in result.rows:
        row.labels.pop(NAME, None)
    return result


def grid(start_ns: int, end_ns: int, step_ns: int) -> Ints:
    """The steps of a range query, in whole milliseconds.

    Raises:
        InvalidQueryError: there are too many, or none.
    """
    if step_ns <= 0:
        raise InvalidQueryError("the step must be longer than nothing")
    if end_ns < start_ns:
        raise InvalidQueryError("the end lies before the start")
    step_ns = max(_MS, step_ns // _MS * _MS)
    if (end_ns - start_ns) // step_ns >= MAX_STEPS:
        raise InvalidQueryError(f"more than {MAX_STEPS:,} steps; use a larger step")
    return np.arange(start_ns // _MS * _MS, end_ns + 1, step_ns, dtype=np.int64)


class _Counted:
    """What was counted, as the series that the PromQL engine reads; it asks nothing else of a source."""

    def __init__(self, leaves: Sequence[list[tuple[Labels, Floats]]], times_ms: Ints) -> None:
        self._series: dict[str, list[Series]] = {}
        for number, counted in enumerate(leaves):
            name = f"_{number}"
            self._series[name] = [_as_series(name, labels, values, times_ms) for labels, values in counted]

    def select(self, matchers: Sequence[Matcher], *_: object) -> list[Series]:
        """The series of one range aggregation."""
        (name,) = (one.value for one in matchers if one.name == NAME)
        return self._series[name]

    def series(self, *_: object) -> list[Labels]:
        """None."""
        return []

    def exemplars(self, *_: object) -> list[Exemplar]:
        """None."""
        return []

    def metadata(self) -> dict[str, Metadata]:
        """None."""
        return {}


def _as_series(name: str, labels: Labels, values: Floats, times_ms: Ints) -> Series:
    present = ~np.isnan(values)
    series = Series(tuple(sorted(((NAME, name), *labels))))
    series.times = array("q", times_ms[present].tolist())
    series.values = array("d", values[present].tolist())
    return series

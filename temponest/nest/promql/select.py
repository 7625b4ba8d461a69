"""What a query reads: every selector with the times it needs, fetched once before evaluation."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import promql_parser as pp

from ..model.series import Matcher, MatchOperator, Series
from ..model.source import CancelCheck, SeriesSource
from .parse import parse
from .values import NAME, Samples, Times

_OPERATORS = {
    "MatchOp.Equal": MatchOperator.EQ,
    "MatchOp.NotEqual": MatchOperator.NE,
    "MatchOp.Re": MatchOperator.MATCH,
    "MatchOp.NotRe": MatchOperator.NOT_MATCH,
}

# The bits of Prometheus' staleness marker.
_STALE = np.int64(0x7FF0000000000002)


def milliseconds(delta: timedelta | None) -> int:
    """A duration of the tree in ms; 0 when it has none."""
    return 0 if delta is None else round(delta.total_seconds() * 1000)


def matchers(selector: pp.VectorSelector) -> list[list[Matcher]]:
    """The matchers of a selector: lists of which any one may be satisfied, each as a whole."""
    named = [Matcher(NAME, MatchOperator.EQ, selector.name)] if selector.name else []
    both = [_matcher(item) for item in selector.matchers.matchers]
    alternatives = selector.matchers.or_matchers
    if not alternatives:
        return [[*named, *both]]
    return [[*named, *both, *(_matcher(item) for item in group)] for group in alternatives]


def _matcher(item: Any) -> Matcher:
    return Matcher(item.name, _OPERATORS[str(item.op)], item.value)


class Reader:
    """Reads selectors, each one once for a window of time.

    Args:
        source: where the series are.
        cancelled: polled while reading.
    """

    def __init__(self, source: SeriesSource, cancelled: CancelCheck) -> None:
        self._source = source
        self._cancelled = cancelled
        self.samples = 0

    def read(self, selector: pp.VectorSelector, start_ms: int, end_ms: int) -> list[tuple[Samples, Times]]:
        """Series of a selector with their samples in the closed window, and the times at which each ended."""
        found: dict[tuple[tuple[str, str], ...], Series] = {}
        for alternative in matchers(selector):
            for series in self._source.select(alternative, start_ms, end_ms, self._cancelled):
                found[series.labels] = series
        # Native histograms are not evaluated yet; a number in their place would be wrong.
        return [self._split(series) for series in found.values() if not series.histograms]

    def _split(self, series: Series) -> tuple[Samples, Times]:
        times = np.frombuffer(series.times, dtype=np.int64)
        values = np.frombuffer(series.values, dtype=np.float64)
        self.samples += len(times)
        stale = values.view(np.int64) == _STALE
        labels = dict(series.labels)
        if not stale.any():
            return Samples(labels, times, values), times[:0]
        return Samples(labels, times[~stale], values[~stale]), times[stale]


def selectors(query: str) -> list[list[Matcher]]:
    """The matchers of every selector in a query.

    Raises:
        QueryError: the query is not PromQL.
    """
    found: list[list[Matcher]] = []

    def visit(node: pp.Expr) -> None:
        if isinstance(node, pp.VectorSelector):
            found.extend(matchers(node))
        elif isinstance(node, pp.MatrixSelector):
            found.extend(matchers(node.vector_selector))

    _walk(parse(query), visit)
    return found


def _walk(node: pp.Expr, visit: Callable[[pp.Expr], None]) -> None:
    visit(node)
    match node:
        case pp.ParenExpr() | pp.UnaryExpr() | pp.SubqueryExpr():
            _walk(node.expr, visit)
        case pp.AggregateExpr():
            _walk(node.expr, visit)
            if node.param is not None:
                _walk(node.param, visit)
        case pp.BinaryExpr():
            _walk(node.lhs, visit)
            _walk(node.rhs, visit)
        case pp.Call():
            for argument in node.args:
                _walk(argument, visit)

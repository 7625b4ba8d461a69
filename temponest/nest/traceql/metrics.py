"""Metrics queries: text → series. Spans are scanned as columns unless the query looks at whole traces."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from ..model.budget import Budget
from ..model.fetch import Attribute, FetchRequest
from ..model.source import CancelledError, SpanSource
from .candidates import Candidates
from .compare import Comparison, compared
from .conditions import fetch_request
from .engine import CutOff, compile_query, load
from .errors import InvalidQueryError, QueryStoppedError
from .evaluate import filter_function, pipeline_function
from .field_refs import columns_wanted, expression_fields
from .intervals import Intervals
from .over_time import OverTimeAggregator
from .rows import Column, ColumnRows, Rows, SpanRows
from .series import SeriesList, arithmetic, scalar, second_stage
from .trace import Trace
from .tree import (
    Compare,
    FieldExpression,
    FieldRef,
    Filter,
    Literal,
    MetricsExpression,
    MetricsQuery,
    OverTime,
    Pipeline,
    Query,
)
from .vector import Mask, column_filters, is_columnar, mask_of

DEFAULT_EXEMPLARS = 100
MAX_SERIES = 1_000
# Spans gathered from traces before they are counted.
_SPANS_AT_ONCE = 20_000


@dataclass(slots=True)
class MetricsResult:
    """Series of a metrics query. `cut_off` is None when every span was counted and every series is here."""

    series: SeriesList = field(default_factory=list)
    inspected_spans: int = 0
    cut_off: CutOff | None = None


def query_series(
    source: SpanSource,
    text: str,
    intervals: Intervals,
    *,
    exemplars: int = 0,
    max_series: int = MAX_SERIES,
    budget: Budget | None = None,
) -> MetricsResult:
    """Answer a metrics query.

    Args:
        source: where the spans are.
        text: a TraceQL query that ends in a metrics function.
        intervals: the points in time.
        exemplars: how many exemplars to find; the hint `with (exemplars = ...)` wins.
        max_series: how many series to return at most; 0 is all.
        budget: the limits.

    Raises:
        TraceQLError: the query is at fault or needs too much memory.
        CancelledError: the client left.
    """
    query = compile_query(text)
    if isinstance(query.body, Pipeline):
        raise InvalidQueryError("this query finds traces; add a metrics function such as | rate()")
    run = _Run(source, intervals, _exemplars(query, exemplars), budget or Budget())
    found = run.evaluate(query.body)
    series = [] if isinstance(found, float) else found
    result = MetricsResult(series, run.inspected_spans, run.cut_off)
    if max_series and len(series) > max_series:
        result.series = sorted(series, key=lambda one: -float(np.nansum(one.values)))[:max_series]
        result.cut_off = result.cut_off or CutOff.LIMIT
    return result


def _exemplars(query: Query, wanted: int) -> int:
    for name, literal in query.hints:
        if name == "exemplars":
            if isinstance(literal.value, bool):
                return (wanted or DEFAULT_EXEMPLARS) if literal.value else 0
            if isinstance(literal.value, int):
                return min(DEFAULT_EXEMPLARS, max(0, literal.value))
    return min(DEFAULT_EXEMPLARS, max(0, wanted))


class _Run:
    """One evaluation; every leaf of an arithmetic expression reads the spans it needs."""

    def __init__(self, source: SpanSource, intervals: Intervals, exemplars: int, budget: Budget) -> None:
        self.source = source
        self.intervals = intervals
        self.exemplars = exemplars
        self.budget = budget
        self.inspected_spans = 0
        self.cut_off: CutOff | None = None

    def evaluate(self, node: MetricsExpression) -> SeriesList | float:
        if isinstance(node, Literal):
            return scalar(node)
        if isinstance(node, MetricsQuery):
            series = self._leaf(node)
        else:
            series = arithmetic(node, self.evaluate(node.left), self.evaluate(node.right))
        for stage in node.stages:
            series = second_stage(stage, series)
        return series

    def _leaf(self, node: MetricsQuery) -> SeriesList:
        function = node.function
        if isinstance(function, Compare):
            return self._compare(node.pipeline, function)
        aggregator = OverTimeAggregator(function, self.intervals, self.exemplars)
        with self._stopping():
            for rows in self._rows(node.pipeline, _fields(function)):
                aggregator.add(rows)
        return aggregator.result()

    def _request(self, pipeline: Pipeline) -> FetchRequest:
        return fetch_request(pipeline, self.intervals.start_ns + 1, self.intervals.end_ns + 1, 0)

    def _rows(self, pipeline: Pipeline, fields: list[FieldRef]) -> Iterator[Rows]:
        filters = column_filters(pipeline)
        if filters is None or not all(map(is_columnar, fields)):
            yield from self._matched_rows(pipeline)
            return
        for expression in filters:
            fields = [*fields, *expression_fields(expression)]
        for columns in self.source.columns(
            self._request(pipeline), columns_wanted(fields), self.budget.cancelled
        ):
            rows = ColumnRows(columns)
            self.inspected_spans += len(rows.start_ns)
            yield rows.select(np.flatnonzero(mask_of(filters, rows)))

    def _matched_rows(self, pipeline: Pipeline) -> Iterator[Rows]:
        found: list[tuple[Trace, int]] = []
        for some in self._matched(pipeline):
            found += some
            if len(found) >= _SPANS_AT_ONCE:
                yield SpanRows(found)
                found = []
        if found:
            yield SpanRows(found)

    def _matched(self, pipeline: Pipeline) -> Iterator[list[tuple[Trace, int]]]:
        run = pipeline_function(pipeline)
        start_ns, end_ns = self.intervals.start_ns + 1, self.intervals.end_ns + 1
        candidates = Candidates(self.source, pipeline, start_ns, end_ns, 0, self.budget)
        for chunk in candidates:
            for trace in load(self.source, chunk, self.budget):
                self.inspected_spans += len(trace.spans)
                indices = {index for spanset in run(trace) for index in spanset.spans}
                candidates.found += bool(indices)
                yield [(trace, index) for index in sorted(indices)]

    @contextlib.contextmanager
    def _stopping(self) -> Iterator[None]:
        """Reading until the time is over; what was counted by then is the answer, and says so."""
        try:
            yield
        except CancelledError:
            if not self.budget.spent():
                raise
            if not self.inspected_spans:
                raise QueryStoppedError("the query ran out of time before it had read anything") from None
            self.cut_off = CutOff.TIME

    def _compare(self, pipeline: Pipeline, function: Compare) -> SeriesList:
        comparison = Comparison(function.top, self.intervals)
        names = self.source.attribute_names(
            self.intervals.start_ns, self.intervals.end_ns, self.budget.cancelled
        )
        fields = [FieldRef(attribute) for attribute in compared(names)]
        selection = column_filters(Pipeline((function.selection,)))
        wanted = [*fields]
        for expression in selection or []:
            wanted += expression_fields(expression)
        source = self._rows(pipeline, wanted) if selection is not None else self._matched_rows(pipeline)
        with self._stopping():
            for rows in source:
                inside = _selected(function.selection, selection, rows)
                if function.start_ns:
                    inside &= (rows.start_ns > function.start_ns) & (rows.start_ns <= function.end_ns)
                comparison.add(rows.start_ns, inside.astype(np.int64), self._columns(rows, fields))
        return comparison.result()

    def _columns(self, rows: Rows, fields: list[FieldRef]) -> Iterator[tuple[Attribute, Column]]:
        for one in fields:
            if self.budget.cancelled():
                raise CancelledError
            yield one.attribute, rows.column(one)


def _selected(selection: Filter, filters: list[FieldExpression] | None, rows: Rows) -> Mask:
    """Which rows belong to the selection."""
    if filters is not None:
        return mask_of(filters, rows)
    test = filter_function(selection)
    if test is None or not isinstance(rows, SpanRows):
        raise TypeError("a selection without filters looks at the spans of traces")
    return np.array([test(trace, index) is True for trace, index in rows.spans], bool)


def _fields(function: OverTime) -> list[FieldRef]:
    return [*function.by, *([] if function.measured is None else [function.measured])]

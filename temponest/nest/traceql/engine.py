"""Text → answer: parse, check, rewrite, ask the store, filter again, stop at the limits.

A search reads candidates newest first and stops when it has enough; `cut_off` says when it stopped before
everything was read, so that nobody takes a part for the whole.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from ..model.budget import Budget
from ..model.fetch import AttributeScope
from ..model.source import CancelledError, SpanSource
from ..model.span import Span, Status, Value
from .candidates import Candidates
from .check import check
from .errors import InvalidQueryError
from .evaluate import Spanset, pipeline_function
from .field_refs import fields_of
from .fields import Getter, getter, shown
from .parser import parse
from .rules import rewrite
from .trace import Trace
from .tree import FieldRef, Pipeline, Query


class CutOff(StrEnum):
    """Why an answer is not everything that matches."""

    LIMIT = "limit"
    TIME = "time"
    SIZE = "size"


@dataclass(slots=True)
class MatchedSpan:
    """A matched span with the fields that the query speaks of, as answers show them."""

    span: Span
    fields: list[tuple[str, Value]]


@dataclass(slots=True)
class MatchedSet:
    """Some spans of a spanset, how many it has, and what `by()` and aggregates found."""

    spans: list[MatchedSpan]
    matched: int
    attributes: list[tuple[str, Value]]


@dataclass(slots=True)
class ServiceStats:
    """Spans and failed spans of one service in a trace."""

    spans: int = 0
    errors: int = 0


@dataclass(slots=True)
class TraceMatch:
    """One found trace. Root names are empty when the root has not arrived."""

    trace_id: bytes
    root_service: str
    root_name: str
    start_ns: int
    duration_ns: int
    spansets: list[MatchedSet]
    services: dict[str, ServiceStats]


@dataclass(slots=True)
class SearchResult:
    """Traces newest first. `cut_off` is None when no further trace matches."""

    traces: list[TraceMatch] = field(default_factory=list)
    inspected_traces: int = 0
    inspected_spans: int = 0
    cut_off: CutOff | None = None


def compile_query(text: str) -> Query:
    """Parse, check and rewrite a query.

    Raises:
        ParseError, InvalidQueryError, UnsupportedError: with a message for whoever wrote it.
    """
    query = parse(text)
    check(query)
    return rewrite(query)


def search(
    source: SpanSource,
    text: str,
    *,
    start_ns: int = 0,
    end_ns: int = 0,
    limit: int = 20,
    spans_per_set: int = 3,
    budget: Budget | None = None,
) -> SearchResult:
    """Find traces.

    Args:
        source: where the spans are.
        text: a TraceQL query that selects spans.
        start_ns: earliest start of a matched span, inclusive; 0 is unbounded.
        end_ns: latest start of a matched span, exclusive; 0 is unbounded.
        limit: how many traces.
        spans_per_set: how many spans of each spanset to return; 0 is all.
        budget: the limits; by default half a minute and never abandoned.

    Raises:
        TraceQLError: the query is at fault.
        CancelledError: the client left.
    """
    query = compile_query(text)
    if not isinstance(query.body, Pipeline):
        raise InvalidQueryError("this is a metrics query; ask /api/metrics/query_range")
    budget = budget or Budget()
    run = pipeline_function(query.body)
    columns = [(name, getter(one), one) for name, one in shown_fields(query.body)]
    candidates = Candidates(source, query.body, start_ns, end_ns, limit, budget)
    result = SearchResult()
    try:
        for chunk in candidates:
            for trace in load(source, chunk, budget):
                result.inspected_traces += 1
                result.inspected_spans += len(trace.spans)
                spansets = _in_window(trace, run(trace), start_ns, end_ns)
                if spansets:
                    result.traces.append(_match(trace, spansets, columns, spans_per_set))
            candidates.found = len(result.traces)
            if len(result.traces) > limit:
                result.cut_off = CutOff.LIMIT
                break
            if budget.spent():
                result.cut_off = CutOff.TIME
                break
    except CancelledError:
        if not budget.spent():
            raise
        result.cut_off = CutOff.TIME
    result.traces.sort(key=lambda match: match.start_ns, reverse=True)
    del result.traces[limit:]
    return result


def load(source: SpanSource, trace_ids: list[bytes], budget: Budget) -> Iterator[Trace]:
    """The traces of these ids, in their order."""
    loaded = source.traces(trace_ids, budget.cancelled)
    for trace_id in trace_ids:
        spans = loaded.get(trace_id)
        if spans:
            yield Trace(trace_id, spans)


def _in_window(trace: Trace, spansets: list[Spanset], start_ns: int, end_ns: int) -> list[Spanset]:
    """Spansets with a span in the window; their other spans stay, so that counts do not depend on it."""

    def inside(index: int) -> bool:
        start = trace.spans[index].start_ns
        return start >= start_ns and (not end_ns or start < end_ns)

    if not start_ns and not end_ns:
        return spansets
    return [spanset for spanset in spansets if any(inside(index) for index in spanset.spans)]


def _match(
    trace: Trace,
    spansets: list[Spanset],
    columns: list[tuple[str, Getter, FieldRef]],
    spans_per_set: int,
) -> TraceMatch:
    services: dict[str, ServiceStats] = {}
    for span in trace.spans:
        stats = services.setdefault(span.resource.service_name, ServiceStats())
        stats.spans += 1
        stats.errors += span.status == Status.ERROR
    root = trace.root
    return TraceMatch(
        trace.trace_id,
        root.resource.service_name if root else "",
        root.name if root else "",
        trace.start_ns,
        trace.duration_ns,
        [
            MatchedSet(
                [
                    _matched_span(trace, index, columns)
                    for index in spanset.spans[: spans_per_set or len(spanset.spans)]
                ],
                len(spanset.spans),
                spanset.attributes,
            )
            for spanset in spansets
        ],
        services,
    )


def _matched_span(trace: Trace, index: int, columns: list[tuple[str, Getter, FieldRef]]) -> MatchedSpan:
    fields: list[tuple[str, Value]] = []
    for name, read, one in columns:
        value = shown(one.attribute, read(trace, index))
        if value is not None:
            fields.append((name, value))
    return MatchedSpan(trace.spans[index], fields)


# Every found trace and span shows these anyway.
_ALWAYS_SHOWN = frozenset(
    {"name", "duration", "traceDuration", "rootName", "rootServiceName", "trace:id", "span:id"}
)


def shown_fields(pipeline: Pipeline) -> list[tuple[str, FieldRef]]:
    """The fields a search shows with each span: those the query names, by the name they are shown with."""
    found: dict[str, FieldRef] = {}
    for one in fields_of(pipeline):
        attribute = one.attribute
        if attribute.scope is not AttributeScope.INTRINSIC or attribute.name not in _ALWAYS_SHOWN:
            found.setdefault(attribute.name, one)
    return list(found.items())

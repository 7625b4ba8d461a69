"""Rate, errors, duration: how services do over time, counted from their spans when asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from ..model.budget import Budget
from ..model.source import SpanSource
from ..model.span import Kind
from ..traceql.intervals import Floats, Intervals
from ..traceql.metrics import query_series
from ..traceql.printer import print_node
from ..traceql.tree import Literal, Type


class Measure(StrEnum):
    """What is asked about calls."""

    LATENCIES = "latencies"
    CALLS = "calls"
    ERRORS = "errors"


@dataclass(frozen=True, slots=True)
class RedQuery:
    """One question.

    Attributes:
        services: at least one service's name.
        kinds: kinds of spans that count as calls.
        by_operation: one line an operation instead of one a service.
        quantile: of latencies, from 0 to 1.
        window: intervals of the sliding window that rates are taken over.
        intervals: the points in time; the first `window` of them only fill the window.
    """

    services: Sequence[str]
    kinds: Sequence[Kind]
    by_operation: bool
    quantile: float
    window: int
    intervals: Intervals


@dataclass(slots=True)
class RedSeries:
    """One line: a value for each point after the window, NaN where there is none."""

    service: str
    operation: str | None
    values: Floats


def measure(source: SpanSource, what: Measure, query: RedQuery, budget: Budget) -> list[RedSeries]:
    """Latencies in milliseconds, calls per second, or failed calls as a part of all calls."""
    if what is Measure.LATENCIES:
        function = f"quantile_over_time(duration, {query.quantile!r})"
        return [
            RedSeries(one.service, one.operation, one.values[query.window :] * 1_000)
            for one in _ask(source, query, "", function, budget)
        ]
    calls = _ask(source, query, "", "count_over_time()", budget)
    if what is Measure.CALLS:
        seconds = query.window * query.intervals.seconds
        return [
            RedSeries(one.service, one.operation, _sliding(one.values, query.window) / seconds)
            for one in calls
        ]
    failed = {
        (one.service, one.operation): one.values
        for one in _ask(source, query, " && status = error", "count_over_time()", budget)
    }
    none: Floats = np.zeros(query.intervals.count)
    rates = []
    for one in calls:
        errors = _sliding(failed.get((one.service, one.operation), none), query.window)
        with np.errstate(invalid="ignore", divide="ignore"):
            rates.append(RedSeries(one.service, one.operation, errors / _sliding(one.values, query.window)))
    return rates


def _ask(
    source: SpanSource, query: RedQuery, condition: str, function: str, budget: Budget
) -> list[RedSeries]:
    services = " || ".join(
        f"resource.service.name = {print_node(Literal(Type.STRING, name))}" for name in query.services
    )
    kinds = " || ".join(f"kind = {kind.name.lower()}" for kind in query.kinds)
    by = "resource.service.name, name" if query.by_operation else "resource.service.name"
    text = f"{{ ({services}) && ({kinds}){condition} }} | {function} by ({by})"
    found = []
    for one in query_series(source, text, query.intervals, max_series=0, budget=budget).series:
        labels = dict(one.labels)
        operation = str(labels["name"]) if query.by_operation else None
        found.append(RedSeries(str(labels["resource.service.name"]), operation, one.values))
    return sorted(found, key=lambda one: (one.service, one.operation or ""))


def _sliding(values: Floats, window: int) -> Floats:
    """For each point after the first `window` the sum of the last `window` values."""
    total = np.cumsum(np.append(0.0, values))
    sums: Floats = total[window + 1 :] - total[1:-window]
    return sums

"""`{ a } | by(.b) | count() > 20` over columns: which traces can pass, without loading any.

Only what spans that were stored twice cannot change is decided here: a count that must exceed a number, a
smallest or a largest value.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..model.budget import Budget
from ..model.fetch import FetchRequest
from ..model.source import SpanSource
from ..model.span import Value
from .conditions import pipeline_needs
from .field_refs import columns_wanted, expression_fields
from .intervals import Floats
from .rows import NANOSECONDS, Column, ColumnRows, is_duration
from .series import COMPARE
from .tree import Aggregate, FieldExpression, FieldRef, GroupBy, Literal, Pipeline, ScalarFilter
from .vector import column_filters, is_columnar, mask_of

_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class TotalsTest:
    """A pipeline's filters and the first comparison of an aggregate after them; `by` splits a count."""

    head: Pipeline
    filters: list[FieldExpression]
    function: str
    measured: FieldRef | None
    operator: str
    limit: float
    by: FieldRef | None = None


def totals_test(pipeline: Pipeline) -> TotalsTest | None:
    """What of a pipeline can be decided from columns, or None."""
    for position, stage in enumerate(pipeline.stages):
        if not isinstance(stage, ScalarFilter):
            continue
        aggregate, limit = stage.left, stage.right
        grouping = [one.expression for one in pipeline.stages[:position] if isinstance(one, GroupBy)]
        head = Pipeline(tuple(one for one in pipeline.stages[:position] if not isinstance(one, GroupBy)))
        filters = column_filters(head)
        if filters is None or not head.stages:
            return None
        if not isinstance(aggregate, Aggregate) or not isinstance(limit, Literal):
            return None
        measured = aggregate.operand
        if aggregate.function == "count" and stage.operator in (">", ">="):
            # Of several groupings none is looked at: a group has no more spans than its trace.
            by = grouping[0] if len(grouping) == 1 else None
            field = by if isinstance(by, FieldRef) and is_columnar(by) else None
            return TotalsTest(head, filters, "count", None, stage.operator, float(limit.value), field)
        if grouping:
            return None
        if aggregate.function in ("min", "max") and isinstance(measured, FieldRef) and is_columnar(measured):
            # A duration is compared as nanoseconds, also with a bare number; its column is in seconds.
            unit = NANOSECONDS if is_duration(measured) else 1.0
            value = float(limit.value) / unit
            return TotalsTest(head, filters, aggregate.function, measured, stage.operator, value)
        return None
    return None


def passing_traces(source: SpanSource, test: TotalsTest, budget: Budget) -> set[bytes]:
    """Ids of the traces that pass, whenever their spans were."""
    needs = pipeline_needs(test.head)
    request = FetchRequest(0, 0, needs.conditions, needs.all_conditions, 0)
    fields = [field for one in test.filters for field in expression_fields(one)]
    if test.measured is not None:
        fields.append(test.measured)
    if test.by is not None:
        fields.append(test.by)
    groups: dict[Value, int] = {}
    names: list[npt.NDArray[np.bytes_]] = []
    totals: list[Floats] = []
    for columns in source.columns(request, columns_wanted(fields), budget.cancelled):
        rows = ColumnRows(columns)
        mask = mask_of(test.filters, rows)
        values = np.ones(len(mask)) if test.measured is None else rows.numbers(test.measured)
        mask &= ~np.isnan(values)
        ids = np.array(list(columns.trace_ids), f"S{_ID_BYTES}")
        if test.by is not None:
            ids = _with_groups(ids, rows.column(test.by), groups)
        found, total = _by_trace(ids[mask], values[mask], test.function)
        names.append(found)
        totals.append(total)
    if not names:
        return set()
    found, total = _by_trace(np.concatenate(names), np.concatenate(totals), test.function)
    passing = found[COMPARE[test.operator](total, test.limit)].tolist()
    # NumPy leaves out zero bytes at the end.
    return {one.ljust(_ID_BYTES, b"\0")[:_ID_BYTES] for one in passing}


def _group(value: Value) -> Value:
    """What tells groups apart; those that may be one group or several are one, by which no trace is lost."""
    unsure = isinstance(value, tuple | dict) or value != value
    return () if unsure else value


def _with_groups(
    ids: npt.NDArray[np.bytes_], column: Column, groups: dict[Value, int]
) -> npt.NDArray[np.bytes_]:
    """Each id with the number of its group behind it; `groups` has the numbers and grows."""
    numbers = np.array(
        [groups.setdefault(_group(value), len(groups)) for value in column.values] or [0], ">u4"
    )
    joined = np.zeros((len(ids), _ID_BYTES + 4), np.uint8)
    joined[:, :_ID_BYTES] = ids.view(np.uint8).reshape(len(ids), _ID_BYTES)
    joined[:, _ID_BYTES:] = numbers[column.codes].view(np.uint8).reshape(len(ids), 4)
    whole: npt.NDArray[np.bytes_] = joined.reshape(-1).view(f"S{_ID_BYTES + 4}")
    return whole


def _by_trace(
    ids: npt.NDArray[np.bytes_], values: Floats, function: str
) -> tuple[npt.NDArray[np.bytes_], Floats]:
    found, place = np.unique(ids, return_inverse=True)
    if function == "count":
        return found, np.bincount(place, weights=values, minlength=len(found)).astype(np.float64)
    totals = np.full(len(found), np.inf if function == "min" else -np.inf)
    (np.minimum if function == "min" else np.maximum).at(totals, place, values)
    return found, totals

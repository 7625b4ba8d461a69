"""`{ a } | count() > 20` over columns: which traces can pass, without loading any.

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
from .conditions import pipeline_needs
from .field_refs import columns_wanted, expression_fields
from .intervals import Floats
from .rows import NANOSECONDS, ColumnRows, is_duration
from .series import COMPARE
from .tree import Aggregate, FieldExpression, FieldRef, Literal, Pipeline, ScalarFilter
from .vector import column_filters, is_columnar, mask_of

_ID_BYTES = 16


@dataclass(frozen=True, slots=True)
class TotalsTest:
    """A pipeline's filters and the first comparison of an aggregate after them."""

    head: Pipeline
    filters: list[FieldExpression]
    function: str
    measured: FieldRef | None
    operator: str
    limit: float


def totals_test(pipeline: Pipeline) -> TotalsTest | None:
    """What of a pipeline can be decided from columns, or None."""
    for position, stage in enumerate(pipeline.stages):
        if not isinstance(stage, ScalarFilter):
            continue
        aggregate, limit = stage.left, stage.right
        head = Pipeline(pipeline.stages[:position])
        filters = column_filters(head)
        if filters is None or not head.stages:
            return None
        if not isinstance(aggregate, Aggregate) or not isinstance(limit, Literal):
            return None
        measured = aggregate.operand
        if aggregate.function == "count" and stage.operator in (">", ">="):
            return TotalsTest(head, filters, "count", None, stage.operator, float(limit.value))
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
    names: list[npt.NDArray[np.bytes_]] = []
    totals: list[Floats] = []
    for columns in source.columns(request, columns_wanted(fields), budget.cancelled):
        rows = ColumnRows(columns)
        mask = mask_of(test.filters, rows)
        values = np.ones(len(mask)) if test.measured is None else rows.numbers(test.measured)
        mask &= ~np.isnan(values)
        ids = np.array(list(columns.trace_ids), f"S{_ID_BYTES}")
        found, total = _by_trace(ids[mask], values[mask], test.function)
        names.append(found)
        totals.append(total)
    if not names:
        return set()
    found, total = _by_trace(np.concatenate(names), np.concatenate(totals), test.function)
    passing = found[COMPARE[test.operator](total, test.limit)].tolist()
    # NumPy leaves out zero bytes at the end.
    return {one.ljust(_ID_BYTES, b"\0") for one in passing}


def _by_trace(
    ids: npt.NDArray[np.bytes_], values: Floats, function: str
) -> tuple[npt.NDArray[np.bytes_], Floats]:
    found, place = np.unique(ids, return_inverse=True)
    if function == "count":
        return found, np.bincount(place, weights=values, minlength=len(found)).astype(np.float64)
    totals = np.full(len(found), np.inf if function == "min" else -np.inf)
    (np.minimum if function == "min" else np.maximum).at(totals, place, values)
    return found, totals

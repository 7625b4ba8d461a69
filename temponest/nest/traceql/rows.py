"""Spans as columns of distinct values, whichever way they came: scanned as columns or matched in traces."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..model.fetch import Attribute, AttributeScope
from ..model.source import Coded, Columns
from ..model.span import Value
from .fields import getter
from .intervals import Floats, Ints
from .operations import first, number
from .trace import Trace
from .tree import FieldRef

_DURATIONS = ("duration", "traceDuration", "event:timeSinceStart")
NANOSECONDS = 1e9
# Columns kept for those who ask twice, filters and groups; comparing reads thousands of them once.
_KEPT = 32


@dataclass(frozen=True, slots=True)
class Column:
    """A column by its distinct values: row `i` has `values[codes[i]]`."""

    codes: Ints
    values: Sequence[Value]

    def take(self, rows: Ints) -> Column:
        """Only these rows."""
        return Column(self.codes[rows], self.values)


class Rows(Protocol):
    """Some spans. Fields are intrinsics or attributes that a span has one of."""

    start_ns: Ints

    def column(self, field: FieldRef) -> Column:
        """A field by its distinct values; None where a span has no such attribute."""
        ...

    def numbers(self, field: FieldRef) -> Floats:
        """A field as numbers, durations in seconds; NaN where there is none."""
        ...

    def durations_ns(self) -> Ints:
        """Durations of the spans in nanoseconds."""
        ...

    def ids(self, row: int) -> tuple[bytes, bytes]:
        """Trace id and span id of a row."""
        ...


class ColumnRows:
    """Rows of a scanned batch of columns."""

    def __init__(self, columns: Columns) -> None:
        self._columns = columns
        self.start_ns: Ints = np.asarray(columns.start_ns, np.int64)
        self._duration_ns: Ints = np.asarray(columns.duration_ns, np.int64)
        self._coded: dict[FieldRef, Column] = {}

    def column(self, field: FieldRef) -> Column:
        """See `Rows`."""
        found = self._coded.get(field)
        if found is None:
            found = self._own(field.attribute)
            for alias in field.aliases:
                found = _or_else(found, self._own(alias))
            if len(self._coded) >= _KEPT:
                del self._coded[next(iter(self._coded))]
            self._coded[field] = found
        return found

    def numbers(self, field: FieldRef) -> Floats:
        """See `Rows`."""
        if is_intrinsic(field, "duration"):
            return self._duration_ns / NANOSECONDS
        return _numbers(self.column(field), field)

    def durations_ns(self) -> Ints:
        """See `Rows`."""
        return self._duration_ns

    def ids(self, row: int) -> tuple[bytes, bytes]:
        """See `Rows`."""
        return bytes(self._columns.trace_ids[row]), bytes(self._columns.span_ids[row])

    def select(self, selected: Ints) -> SelectedRows:
        """Only these rows, by index."""
        return SelectedRows(self, selected)

    def _own(self, attribute: Attribute) -> Column:
        if attribute == Attribute(AttributeScope.INTRINSIC, "duration"):
            values, codes = np.unique(self._duration_ns, return_inverse=True)
            return Column(codes, values.tolist())
        column = self._columns.attributes[attribute]
        if isinstance(column, Coded):
            return Column(np.asarray(column.codes, np.int64), column.values)
        return coded(column)


class SelectedRows:
    """Some rows of a batch."""

    def __init__(self, rows: ColumnRows, selected: Ints) -> None:
        self._rows = rows
        self._selected = selected
        self.start_ns: Ints = rows.start_ns[selected]

    def column(self, field: FieldRef) -> Column:
        """See `Rows`."""
        return self._rows.column(field).take(self._selected)

    def numbers(self, field: FieldRef) -> Floats:
        """See `Rows`."""
        numbers: Floats = self._rows.numbers(field)[self._selected]
        return numbers

    def durations_ns(self) -> Ints:
        """See `Rows`."""
        durations: Ints = self._rows.durations_ns()[self._selected]
        return durations

    def ids(self, row: int) -> tuple[bytes, bytes]:
        """See `Rows`."""
        return self._rows.ids(int(self._selected[row]))


class SpanRows:
    """Rows of spans that were matched in their traces."""

    def __init__(self, spans: Sequence[tuple[Trace, int]]) -> None:
        self.spans = spans
        self.start_ns: Ints = np.array([trace.spans[index].start_ns for trace, index in spans], np.int64)

    def column(self, field: FieldRef) -> Column:
        """See `Rows`."""
        read = getter(field)
        return coded([first(read(trace, index)) for trace, index in self.spans])

    def numbers(self, field: FieldRef) -> Floats:
        """See `Rows`."""
        return _numbers(self.column(field), field)

    def durations_ns(self) -> Ints:
        """See `Rows`."""
        return np.array([trace.spans[index].duration_ns for trace, index in self.spans], np.int64)

    def ids(self, row: int) -> tuple[bytes, bytes]:
        """See `Rows`."""
        trace, index = self.spans[row]
        return trace.trace_id, trace.spans[index].span_id


def is_intrinsic(field: FieldRef, name: str) -> bool:
    """Whether a field is this intrinsic."""
    return field.attribute.scope is AttributeScope.INTRINSIC and field.attribute.name == name


def is_duration(field: FieldRef) -> bool:
    """Whether a field is a time span."""
    return field.attribute.scope is AttributeScope.INTRINSIC and field.attribute.name in _DURATIONS


def coded(values: Iterable[Value]) -> Column:
    """Find the distinct values of a list. True, 1 and 1.0 are equal keys but different values."""
    distinct: dict[object, int] = {}
    kept: list[Value] = []
    codes = []
    for value in values:
        key = value if type(value) is str else (type(value), repr(value))
        code = distinct.get(key)
        if code is None:
            code = distinct[key] = len(kept)
            kept.append(value)
        codes.append(code)
    return Column(np.array(codes, np.int64), kept)


def _or_else(column: Column, other: Column) -> Column:
    """The first column where it has a value, the other elsewhere."""
    missing = np.array([value is None for value in column.values], bool)
    if not missing.any():
        return column
    codes = np.where(missing[column.codes], other.codes + len(column.values), column.codes)
    return Column(codes, [*column.values, *other.values])


def _numbers(column: Column, field: FieldRef) -> Floats:
    found = [number(value) for value in column.values]
    values: Floats = np.array([np.nan if value is None else value for value in found], np.float64)
    numbers: Floats = values[column.codes]
    return numbers / NANOSECONDS if is_duration(field) else numbers

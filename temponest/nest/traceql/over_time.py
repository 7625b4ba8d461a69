"""`rate`, `count_over_time`, `quantile_over_time` ...: rows in, one series a combination of labels out."""

from __future__ import annotations

import numpy as np

from ..model.span import Value
from .errors import TooLargeError
from .exemplars import Exemplars
from .fields import shown
from .intervals import Floats, Intervals, Ints
from .printer import print_node
from .quantiles import Quantiles
from .rows import Rows
from .series import NAME, Exemplar, Labels, Series, SeriesList
from .tree import FieldRef, OverTime

BUCKET = "__bucket"
QUANTILE = "p"
# Values kept for all series together: 8 bytes each, twice for averages.
MAX_POINTS = 4_000_000
COUNTS = frozenset({"rate", "count_over_time", "histogram_over_time"})


class OverTimeAggregator:
    """Takes batches of rows and gives the series of all of them.

    Args:
        function: what to compute, by which labels.
        intervals: the points in time.
        exemplars: how many exemplars to keep; 0 is none.
    """

    def __init__(self, function: OverTime, intervals: Intervals, exemplars: int) -> None:
        self._function = function
        self._intervals = intervals
        self._series: dict[object, int] = {}
        self._labels: list[Labels] = []
        self._counts: Floats = np.zeros(0)
        self._values: Floats = np.zeros(0)
        self._quantiles = Quantiles()
        self._exemplars = Exemplars(exemplars)

    def add(self, rows: Rows) -> None:
        """Count one batch.

        Raises:
            TooLargeError: there are more series than fit in memory.
        """
        function = self._function
        interval = self._intervals.index(rows.start_ns)
        usable = interval >= 0
        values: Floats | None = None
        if function.measured is not None:
            values = rows.numbers(function.measured)
            usable &= ~np.isnan(values)
        selected = np.flatnonzero(usable)
        if not len(selected):
            return
        interval = interval[selected]
        if values is not None:
            values = values[selected]
        series = self._series_of(rows, selected, values)
        self._grow()
        points = series * self._intervals.count + interval
        self._count(points, values)
        self._exemplars.add(rows, selected, points, values)

    def _count(self, points: Ints, values: Floats | None) -> None:
        size = len(self._counts)
        self._counts += np.bincount(points, minlength=size)
        if values is None or self._function.function in COUNTS:
            return
        match self._function.function:
            case "quantile_over_time":
                self._quantiles.add(points, values)
            case "min_over_time":
                np.fmin.at(self._values, points, values)
            case "max_over_time":
                np.fmax.at(self._values, points, values)
            case _:
                self._values += np.bincount(points, weights=values, minlength=size)

    def _grow(self) -> None:
        size = len(self._labels) * self._intervals.count
        if size > MAX_POINTS:
            raise TooLargeError(
                f"{len(self._labels)} series of {self._intervals.count} points are too many:"
                " group by fewer attributes, or ask for a longer step"
            )
        more = size - len(self._counts)
        if more:
            extremes = self._function.function in ("min_over_time", "max_over_time")
            self._counts = np.append(self._counts, np.zeros(more))
            self._values = np.append(self._values, np.full(more, np.nan if extremes else 0.0))

    def _series_of(self, rows: Rows, selected: Ints, values: Floats | None) -> Ints:
        """The series number of each selected row."""
        columns = [rows.column(field).take(selected) for field in self._function.by]
        combined: Ints = np.zeros(len(selected), np.int64)
        for column in columns:
            combined = combined * len(column.values) + column.codes
        buckets: Floats | None = None
        if self._function.function == "histogram_over_time" and values is not None:
            buckets = powers_of_two(values, self._function.measured)
            kinds, codes = np.unique(buckets, return_inverse=True)
            combined = combined * len(kinds) + codes
        _, first, inverse = np.unique(combined, return_index=True, return_inverse=True)
        numbers = []
        for row in first.tolist():
            found = tuple(column.values[column.codes[row]] for column in columns)
            numbers.append(self._number(found, None if buckets is None else float(buckets[row])))
        series: Ints = np.array(numbers, np.int64)[inverse]
        return series

    def _number(self, values: tuple[Value, ...], bucket: float | None) -> int:
        key = (tuple((type(value), repr(value)) for value in values), bucket)
        found = self._series.get(key)
        if found is None:
            found = self._series[key] = len(self._labels)
            self._labels.append(self._name(values, bucket))
        return found

    def _name(self, values: tuple[Value, ...], bucket: float | None) -> Labels:
        by = self._function.by
        labels: list[tuple[str, Value]] = [
            (print_node(field), shown(field.attribute, value))
            for field, value in zip(by, values, strict=True)
            if value is not None
        ]
        if by and not labels:
            # A series needs a label to be told from the total.
            labels.append((print_node(by[0]), "nil"))
        if bucket is not None:
            labels.append((BUCKET, bucket))
        if not labels and not self._function.quantiles:
            labels.append((NAME, self._function.function))
        return tuple(labels)

    def result(self) -> SeriesList:
        """The series of everything added so far."""
        count, name = self._intervals.count, self._function.function
        shape = (len(self._labels), count)
        counts = self._counts.reshape(shape)
        exemplars = self._exemplars.by_series(self._intervals, counts if name in COUNTS else None)
        if name == "quantile_over_time":
            return self._quantile_series(exemplars)
        with np.errstate(invalid="ignore", divide="ignore"):
            match name:
                case "rate":
                    values = counts / self._intervals.seconds
                case "count_over_time" | "histogram_over_time":
                    values = counts
                case "avg_over_time":
                    values = self._values.reshape(shape) / counts
                case _:
                    values = np.where(counts > 0, self._values.reshape(shape), np.nan)
        return [
            Series(labels, row, exemplars.get(number, []))
            for number, (labels, row) in enumerate(zip(self._labels, values, strict=True))
        ]

    def _quantile_series(self, exemplars: dict[int, list[Exemplar]]) -> SeriesList:
        count = self._intervals.count
        series = []
        quantiles = self._function.quantiles
        for quantile, values in zip(quantiles, self._quantiles.of(quantiles, len(self._counts)), strict=True):
            for number, labels in enumerate(self._labels):
                row = values[number * count : (number + 1) * count]
                # The largest values belong to the highest quantile; lower ones would show the same spans.
                own = exemplars.get(number, []) if quantile == max(quantiles) else []
                series.append(Series((*labels, (QUANTILE, quantile)), row, own))
        return series


def powers_of_two(values: Floats, field: FieldRef | None) -> Floats:
    """The upper bound of each value's bucket: the next power of two, of nanoseconds for durations."""
    scale = 1e9 if field is not None and field.attribute.name.lower().endswith("duration") else 1.0
    bounds: Floats = np.zeros_like(values)
    positive = values > 0
    exponents = np.ceil(np.log2(np.round(values[positive] * scale, 6)))
    bounds[positive] = np.exp2(exponents) / scale
    return bounds

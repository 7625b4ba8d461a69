"""One query from text to result: parse, evaluate over the grid, give series."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..model.budget import Budget
from ..model.series import Histogram
from ..model.source import CancelledError, SeriesSource, TooManySamplesError
from .annotations import Annotations, limited
from .errors import QueryError
from .evaluate import LOOKBACK_MS, Bounds, Evaluator
from .functions.extended import at_bounds
from .parse import parse
from .select import Reader
from .tree import Expression, FunctionCall, walk
from .values import Histograms, Labels, Matrix, Sample, Scalar, Text, Times, Value, Vector, key

# As Prometheus: enough for a minute's resolution over a week.
MAX_STEPS = 11_000
# Samples one query may read: at 16 bytes each half of the memory that the nest has unless told otherwise.
MAX_SAMPLES = 10_000_000


class TimeoutError(Exception):  # noqa: A001 - Prometheus' name for it; the builtin is about sockets
    """The query took longer than it may: `timeout`, HTTP 503."""


@dataclass(slots=True)
class Row:
    """One series of a result: samples as (ms, number or native histogram)."""

    labels: Labels
    samples: list[tuple[int, Sample]]

    @property
    def numbers(self) -> list[tuple[int, float]]:
        """The samples that are numbers."""
        return [(time, value) for time, value in self.samples if not isinstance(value, Histogram)]


@dataclass(slots=True)
class Result:
    """What a query answers.

    Attributes:
        kind: `scalar`, `string`, `vector` or `matrix`.
        rows: the series; one without labels for a scalar.
        text: the string, for that kind; `time_ms` is the time it was asked for.
        warnings: what may be wrong with the answer.
        infos: what may surprise about it.
    """

    kind: str
    rows: list[Row] = field(default_factory=list)
    text: str = ""
    time_ms: int = 0
    warnings: list[str] = field(default_factory=list)
    infos: list[str] = field(default_factory=list)


class Engine:
    """Answers queries over one source.

    Args:
        source: where the series are.
        lookback_ms: how long a sample stands for.
    """

    def __init__(self, source: SeriesSource, lookback_ms: int = LOOKBACK_MS) -> None:
        self._source = source
        self._lookback_ms = lookback_ms

    def instant(self, query: str, time_ms: int, budget: Budget | None = None) -> Result:
        """The value of `query` at one time.

        Raises:
            QueryError: 400. ExecutionError: 422. TimeoutError: 503.
        """
        times = np.array([time_ms], dtype=np.int64)
        value, notes = self._evaluate(query, times, 0, budget or Budget())
        if isinstance(value, Text):
            result = Result("string", text=value.value, time_ms=time_ms)
        elif isinstance(value, Scalar):
            result = Result("scalar", [Row({}, [(time_ms, float(value.values[0]))])])
        elif isinstance(value, Matrix):
            result = Result("matrix", _windows(value))
        else:
            result = Result("vector", _rows(value, times))
        return _annotated(result, notes)

    def range(
        self, query: str, start_ms: int, end_ms: int, step_ms: int, budget: Budget | None = None
    ) -> Result:
        """The value of `query` at every step from start to end.

        Raises:
            QueryError: 400. ExecutionError: 422. TimeoutError: 503.
        """
        if step_ms <= 0:
            raise QueryError("zero or negative query resolution step widths are not accepted")
        if end_ms < start_ms:
            raise QueryError("end timestamp must not be before start time")
        if (end_ms - start_ms) // step_ms >= MAX_STEPS:
            raise QueryError(
                f"exceeded maximum resolution of {MAX_STEPS:,} points per timeseries; use a larger step"
            )
        times = np.arange(start_ms, end_ms + 1, step_ms, dtype=np.int64)
        value, notes = self._evaluate(query, times, step_ms, budget or Budget())
        if isinstance(value, Matrix | Text):
            raise QueryError("invalid expression type for range query, must be Scalar or instant Vector")
        if isinstance(value, Scalar):
            value = Vector([{}], value.values.reshape(1, -1), np.ones((1, len(times)), dtype=bool))
        rows = sorted(_rows(value, times), key=lambda row: key(row.labels))
        return _annotated(Result("matrix", rows), notes)

    def _evaluate(self, query: str, times: Times, step_ms: int, budget: Budget) -> tuple[Value, Annotations]:
        tree = parse(query)
        notes = Annotations(query)
        reader = Reader(self._source, budget.cancelled, MAX_SAMPLES)

        def check() -> None:
            if budget.spent():
                raise TimeoutError("the query timed out; ask for less, or for a larger step")
            if budget.cancelled():
                raise CancelledError
            if reader.samples > MAX_SAMPLES:
                raise _too_many()

        if step_ms:
            _range_notes(tree, notes)
        bounds = Bounds(int(times[0]), int(times[-1]), step_ms)
        evaluator = Evaluator(reader, bounds, notes, check, self._lookback_ms)
        try:
            return evaluator.evaluate(tree, times), notes
        except CancelledError:
            if budget.spent():
                raise TimeoutError("the query timed out; ask for less, or for a larger step") from None
            raise
        except TooManySamplesError:
            raise _too_many() from None


def _too_many() -> QueryError:
    return QueryError(f"the query reads more than {MAX_SAMPLES:,} samples; narrow its selectors")


def _range_notes(tree: Expression, notes: Annotations) -> None:
    for node in walk(tree):
        if isinstance(node, FunctionCall) and node.name.startswith("sort"):
            notes.warn(
                "sort is ineffective for range queries since results are always ordered by labels", node
            )


def _annotated(result: Result, notes: Annotations) -> Result:
    result.warnings = limited(notes.warnings, "warning")
    result.infos = limited(notes.infos, "info")
    return result


def _rows(vector: Vector, times: Times) -> list[Row]:
    rows = []
    for index, labels in enumerate(vector.labels):
        there = vector.present[index]
        if there.any():
            samples: list[tuple[int, Sample]] = list(
                zip(times[there].tolist(), vector.values[index][there].tolist(), strict=True)
            )
            if vector.histograms is not None:
                samples = _with_histograms(samples, vector.histograms[index][there])
            rows.append(Row(labels, samples))
    return rows


def _with_histograms(samples: list[tuple[int, Sample]], histograms: Histograms) -> list[tuple[int, Sample]]:
    return [
        (time, value if histogram is None else histogram)
        for (time, value), histogram in zip(samples, histograms, strict=True)
    ]


def _windows(matrix: Matrix) -> list[Row]:
    rows = []
    for series in matrix.series:
        times, values, histograms = series.times, series.values, series.histograms
        if matrix.extension:
            bounded = at_bounds(series, int(matrix.starts[0]), int(matrix.ends[0]), matrix)
            if bounded is None:
                continue
            times, values, histograms = bounded.times, bounded.values, None
            inside = np.ones(len(times), dtype=bool)
        else:
            inside = (times > matrix.starts[0]) & (times <= matrix.ends[0])
        samples: list[tuple[int, Sample]] = list(
            zip(times[inside].tolist(), values[inside].tolist(), strict=True)
        )
        if histograms is not None:
            samples = _with_histograms(samples, histograms[inside])
        if samples:
            rows.append(Row(series.labels, samples))
    return rows

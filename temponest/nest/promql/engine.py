"""One query from text to result: parse, evaluate over the grid, give series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..model.budget import Budget
from ..model.source import CancelledError, SeriesSource
from .evaluate import LOOKBACK_MS, Bounds, Evaluator
from .parse import parse
from .select import Reader
from .values import Labels, Matrix, QueryError, Scalar, Text, Times, Value, Vector, key

# As Prometheus: enough for a minute's resolution over a week.
MAX_STEPS = 11_000
# Samples one query may read; at 16 bytes each this is under a GiB, and seconds of work.
MAX_SAMPLES = 50_000_000


class TimeoutError(Exception):  # noqa: A001 - Prometheus' name for it; the builtin is about sockets
    """The query took longer than it may: `timeout`, HTTP 503."""


@dataclass(slots=True)
class Row:
    """One series of a result: samples as (ms, value)."""

    labels: Labels
    samples: list[tuple[int, float]]


@dataclass(slots=True)
class Result:
    """What a query answers.

    Attributes:
        kind: `scalar`, `string`, `vector` or `matrix`.
        rows: the series; one without labels for a scalar.
        text: the string, for that kind; `time_ms` is the time it was asked for.
        warnings: annotations for whoever asked.
    """

    kind: str
    rows: list[Row] = field(default_factory=list)
    text: str = ""
    time_ms: int = 0
    warnings: list[str] = field(default_factory=list)


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
        value, warnings = self._evaluate(query, times, budget or Budget())
        if isinstance(value, Text):
            return Result("string", text=value.value, time_ms=time_ms, warnings=warnings)
        if isinstance(value, Scalar):
            return Result("scalar", [Row({}, [(time_ms, float(value.values[0]))])], warnings=warnings)
        if isinstance(value, Matrix):
            return Result("matrix", _windows(value), warnings=warnings)
        rows = [
            Row(labels, [(time_ms, float(values[0]))])
            for labels, values, present in zip(value.labels, value.values, value.present, strict=True)
            if present[0]
        ]
        return Result("vector", rows, warnings=warnings)

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
        value, warnings = self._evaluate(query, times, budget or Budget())
        if isinstance(value, Matrix | Text):
            raise QueryError("invalid expression type for range query, must be Scalar or instant Vector")
        if isinstance(value, Scalar):
            value = Vector([{}], value.values.reshape(1, -1), np.ones((1, len(times)), dtype=bool))
        rows = [
            Row(labels, list(zip(times[present].tolist(), values[present].tolist(), strict=True)))
            for labels, values, present in zip(value.labels, value.values, value.present, strict=True)
            if present.any()
        ]
        return Result("matrix", sorted(rows, key=lambda row: key(row.labels)), warnings=warnings)

    def _evaluate(self, query: str, times: Times, budget: Budget) -> tuple[Value, list[str]]:
        tree = parse(query)
        warnings: list[str] = []
        reader = Reader(self._source, budget.cancelled)

        def check() -> None:
            if budget.spent():
                raise TimeoutError("the query timed out; ask for less, or for a larger step")
            if budget.cancelled():
                raise CancelledError
            if reader.samples > MAX_SAMPLES:
                raise QueryError(f"the query reads more than {MAX_SAMPLES:,} samples; narrow its selectors")

        bounds = Bounds(int(times[0]), int(times[-1]))
        evaluator = Evaluator(reader, bounds, warnings.append, check, self._lookback_ms)
        try:
            return evaluator.evaluate(tree, times), list(dict.fromkeys(warnings))
        except CancelledError:
            if budget.spent():
                raise TimeoutError("the query timed out; ask for less, or for a larger step") from None
            raise


def _windows(matrix: Matrix) -> list[Row]:
    rows = []
    for series in matrix.series:
        inside = (series.times > matrix.starts[0]) & (series.times <= matrix.ends[0])
        samples: Sequence[tuple[int, float]] = list(
            zip(series.times[inside].tolist(), series.values[inside].tolist(), strict=True)
        )
        if samples:
            rows.append(Row(series.labels, list(samples)))
    return rows

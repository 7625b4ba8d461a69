"""Range aggregations: lines counted or numbers summed at each step, without holding lines or times.

A line counts at every step whose window `(step - range, step]` holds its time. Only the first and the last of
those steps are noted; the counts are running sums over the notes.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from ..model.budget import Budget
from ..model.log import Ints, LogSource, UnreadableError
from ..model.source import CancelledError
from .errors import InvalidQueryError, QueryStoppedError, TooLargeError
from .extract import DETAILS, ERROR
from .frame import Frame, there
from .pipeline import number, run
from .select import request
from .tree import RangeAggregation, Unit, Unwrap

Floats: TypeAlias = npt.NDArray[np.float64]
Labels: TypeAlias = tuple[tuple[str, str], ...]

# As many as Loki allows by default; more cannot be told apart in a graph.
MAX_SERIES = 500
SECOND = 1_000_000_000


def aggregate(
    source: LogSource, wanted: RangeAggregation, times_ns: Ints, budget: Budget
) -> list[tuple[Labels, Floats]]:
    """The value of every series at each of some equidistant times; NaN where it has none.

    Raises:
        InvalidQueryError: a pipeline failed on a line.
        TooLargeError: more than `MAX_SERIES` series.
        QueryStoppedError: time ran out.
        CancelledError: nobody waits any more.
    """
    steps = _Steps(times_ns - wanted.offset_ns, wanted.range_ns)
    asked = request(wanted.query, steps.first + 1, steps.last + 1)
    grids: dict[Labels, _Grid] = {}
    try:
        for batch in source.logs(asked, budget.cancelled):
            try:
                found = _measured(run(Frame(batch), wanted.query.stages), wanted)
            except UnreadableError:
                continue
            for labels, times, values in found:
                if labels not in grids and len(grids) >= MAX_SERIES:
                    raise TooLargeError(
                        f"the query has more than {MAX_SERIES} series; add 'sum by (label) (...)', or drop"
                        " labels with '| keep label'"
                    )
                grid = grids.setdefault(labels, _Grid(len(times_ns)))
                grid.add(wanted.function, *steps.windows(times), values)
    except CancelledError:
        if budget.spent():
            raise QueryStoppedError("the query ran out of time; ask for a shorter window") from None
        raise
    seconds = wanted.range_ns / SECOND
    return [(labels, grid.result(wanted.function, seconds)) for labels, grid in sorted(grids.items())]


class _Steps:
    """Equidistant times, and the windows that end there."""

    def __init__(self, times_ns: Ints, range_ns: int) -> None:
        self._start = int(times_ns[0])
        self._count = len(times_ns)
        self._step = int(times_ns[1] - times_ns[0]) if len(times_ns) > 1 else 1
        self._range = range_ns
        self.first = self._start - range_ns
        self.last = int(times_ns[-1])

    def windows(self, times: Ints) -> tuple[Ints, Ints]:
        """The first step that counts each time, and the step after the last one."""
        first = -((self._start - times) // self._step)
        last = -((self._start - times - self._range) // self._step)
        return np.clip(first, 0, self._count), np.clip(last, 0, self._count)


class _Grid:
    """One series: how many lines, and a number for them, at each step."""

    def __init__(self, steps: int) -> None:
        self._count = np.zeros(steps + 1)
        self._sum = np.zeros(steps + 1)
        self._extreme: Floats | None = None
        self._steps = steps

    def add(self, function: str, first: Ints, after: Ints, values: Floats) -> None:
        """Count lines from the step `first` up to before `after`."""
        np.add.at(self._count, first, 1)
        np.add.at(self._count, after, -1)
        np.add.at(self._sum, first, values)
        np.add.at(self._sum, after, -values)
        if function in ("min_over_time", "max_over_time"):
            self._extremes(np.fmin if function == "min_over_time" else np.fmax, first, after, values)

    def _extremes(self, better: np.ufunc, first: Ints, after: Ints, values: Floats) -> None:
        if self._extreme is None:
            self._extreme = np.full(self._steps, np.nan)
        for shift in range(int((after - first).max(initial=0))):
            inside = first + shift < after
            better.at(self._extreme, (first + shift)[inside], values[inside])

    def result(self, function: str, seconds: float) -> Floats:
        """The series, NaN where no line counts."""
        count = np.cumsum(self._count[:-1])
        total = np.cumsum(self._sum[:-1])
        # Sums of fractions leave dust behind; where nothing counts there is nothing.
        count = np.rint(count)
        with np.errstate(invalid="ignore", divide="ignore"):
            value = {
                "count_over_time": count,
                "rate": total / seconds,
                "bytes_rate": total / seconds,
                "avg_over_time": total / count,
            }.get(function, total)
        if self._extreme is not None:
            value = self._extreme
        return np.where(count > 0, value, np.nan)


def _measured(frame: Frame, wanted: RangeAggregation) -> list[tuple[Labels, Ints, Floats]]:
    """The lines of a frame by series, with the number that each adds."""
    if not frame.rows:
        return []
    values, frame = _values(frame, wanted)
    _refuse_errors(frame)
    times = frame.batch.times()
    labels, of = _series(frame, wanted)
    order = np.argsort(of, kind="stable")
    bounds = np.searchsorted(of[order], np.arange(len(labels) + 1))
    parts = (order[low:high] for low, high in pairwise(bounds.tolist()))
    return [(one, times[part], values[part]) for one, part in zip(labels, parts, strict=True)]


def _values(frame: Frame, wanted: RangeAggregation) -> tuple[Floats, Frame]:
    if wanted.unwrap is not None:
        return _unwrapped(frame, wanted.unwrap)
    if wanted.function.startswith("bytes"):
        lines = frame.lines()
        return np.array([float(len(line.encode())) for line in lines.values])[lines.codes], frame
    return np.ones(frame.rows), frame


def _unwrapped(frame: Frame, unwrap: Unwrap) -> tuple[Floats, Frame]:
    """The numbers of a label, and the records that have it; durations count in seconds."""
    column = frame.label(unwrap.name)
    numbers = [None if text is None else number(text, unwrap.unit) for text in column.values]
    scale = SECOND if unwrap.unit is Unit.DURATION else 1
    for text, value in zip(column.values, numbers, strict=True):
        if text and value is None:
            raise InvalidQueryError(f"unwrap {unwrap.name}: {text[:64]!r} is no {unwrap.unit}")
    values = np.array([np.nan if value is None else value / scale for value in numbers])[column.codes]
    rows = np.flatnonzero(there(column))
    return values[rows], frame.take(rows)


def _refuse_errors(frame: Frame) -> None:
    column = frame.label(ERROR)
    if not any(column.values):
        return
    present = there(column)
    if present.any():
        row = int(np.argmax(present))
        details = frame.label(DETAILS)
        why = details.values[details.codes[row]] or ""
        raise InvalidQueryError(
            f"{column.values[column.codes[row]]}: {why}; leave such lines out with '| __error__=\"\"',"
            " or ignore it with '| drop __error__'"
        )


def _series(frame: Frame, wanted: RangeAggregation) -> tuple[list[Labels], Ints]:
    """The series there are, and the number of each record's."""
    if wanted.by is None:
        dropped = {*wanted.without, *((wanted.unwrap.name,) if wanted.unwrap else ())}
        return _numbered([_without(entry.labels, dropped) for entry in frame.entries()])
    columns = [(name, frame.label(name)) for name in sorted(set(wanted.by))]
    of = np.zeros(frame.rows, np.int64)
    size = 1
    for _, column in columns:
        of = of * len(column.values) + column.codes
        size *= len(column.values)
        if size > 1 << 40:
            # Numbers of combinations stay small: only those that occur keep one.
            _, of = np.unique(of, return_inverse=True)
            size = int(of.max()) + 1
    _, example, of = np.unique(of, return_index=True, return_inverse=True)
    texts = [
        tuple(
            (name, text) for name, column in columns if (text := column.values[column.codes[row]]) is not None
        )
        for row in example.tolist()
    ]
    named, numbers = _numbered(texts)
    return named, numbers[of]


def _without(labels: Mapping[str, str], dropped: set[str]) -> Labels:
    return tuple(sorted((name, value) for name, value in labels.items() if name not in dropped))


def _numbered(every: list[Labels]) -> tuple[list[Labels], Ints]:
    known: dict[Labels, int] = {}
    numbers = np.array([known.setdefault(one, len(known)) for one in every], np.int64)
    return list(known), numbers

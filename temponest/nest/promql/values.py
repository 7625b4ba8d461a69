"""What an expression evaluates to: samples over a grid of times, all steps at once.

A grid has one time for an instant query and one a step for a range query, so there is one evaluator.
Presence is a mask beside the numbers, because NaN is a value like any other. Native histograms stand in a
grid of their own beside the numbers, which is left out where there are none.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from ..model.series import Histogram
from .errors import ExecutionError

Floats: TypeAlias = NDArray[np.float64]
Times: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]
Histograms: TypeAlias = NDArray[np.object_]
Labels: TypeAlias = dict[str, str]
Sample: TypeAlias = float | Histogram

NAME = "__name__"
# What says which metric a series is: a result that is no longer that metric loses them.
_METRIC = frozenset({NAME, "__type__", "__unit__"})


@dataclass(slots=True)
class Vector:
    """An instant vector at each of T times.

    Attributes:
        labels: of each of N series.
        values: shape (N, T); what stands where a series is absent or a histogram means nothing.
        present: shape (N, T).
        histograms: shape (N, T), None where a sample is a number; None as a whole where all are.
    """

    labels: list[Labels]
    values: Floats
    present: Mask
    histograms: Histograms | None = None

    def rows(self, rows: Sequence[int]) -> Vector:
        """Some of the series, in the order given."""
        picked = list(rows)
        histograms = None if self.histograms is None else self.histograms[picked]
        labels = [self.labels[row] for row in picked]
        return Vector(labels, self.values[picked], self.present[picked], histograms)

    def relabelled(self, labels: list[Labels]) -> Vector:
        """The same samples under other labels, as a copy."""
        histograms = None if self.histograms is None else self.histograms.copy()
        return Vector(labels, self.values.copy(), self.present.copy(), histograms)

    def native(self) -> Mask:
        """Where a sample is a histogram."""
        if self.histograms is None:
            return np.zeros(self.present.shape, dtype=bool)
        return native(self.histograms) & self.present

    def numbers(self) -> Mask:
        """Where a sample is a number."""
        return self.present if self.histograms is None else self.present & ~self.native()


@dataclass(slots=True)
class Scalar:
    """A scalar at each of T times, shape (T,)."""

    values: Floats


@dataclass(slots=True)
class Text:
    """A string."""

    value: str


@dataclass(slots=True)
class Samples:
    """The samples of one series, in order of time, staleness markers left out.

    `histograms` is parallel to `times` with None where a sample is a number; None as a whole where all are.
    """

    labels: Labels
    times: Times
    values: Floats
    histograms: Histograms | None = None


@dataclass(slots=True)
class Matrix:
    """A range vector: samples of each series, and for each of T times the window (start, end] in ms.

    Attributes:
        series: the samples.
        starts: of the windows.
        ends: of the windows.
        extension: "anchored" or "smoothed", where samples beyond the windows are to be used, else "".
        reach_ms: how far beyond.
        check: called between series; raises to stop the query.
    """

    series: list[Samples]
    starts: Times
    ends: Times
    extension: str = ""
    reach_ms: int = 0
    check: Callable[[], None] = lambda: None


Value: TypeAlias = Vector | Scalar | Text | Matrix


def native(histograms: Histograms) -> Mask:
    """Where there is a histogram."""
    found: Mask = histograms.astype(bool)
    return found


def empty(steps: int) -> Vector:
    """A vector without series."""
    return Vector([], np.zeros((0, steps)), np.zeros((0, steps), dtype=bool))


def stack(
    labels: list[Labels],
    values: list[Floats],
    present: list[Mask],
    steps: int,
    histograms: list[Histograms | None] | None = None,
) -> Vector:
    """A vector of rows; `histograms` has None for rows of numbers."""
    if not labels:
        return empty(steps)
    grid = None
    if histograms is not None and any(row is not None for row in histograms):
        grid = np.full((len(labels), steps), None, dtype=object)
        for index, row in enumerate(histograms):
            if row is not None:
                grid[index] = row
    return Vector(labels, np.array(values, dtype=np.float64), np.array(present, dtype=bool), grid)


def without_name(labels: Labels) -> Labels:
    """Labels of a result that is no longer the metric it came from."""
    return {name: value for name, value in labels.items() if name not in _METRIC}


def key(labels: Labels) -> tuple[tuple[str, str], ...]:
    """Labels as something that can be compared; empty ones are none."""
    return tuple(sorted((name, value) for name, value in labels.items() if value))


def merged(vector: Vector, what: str) -> Vector:
    """Rows of equal labels as one, where no time has two of them.

    Raises:
        ExecutionError: two rows of equal labels are present at one time.
    """
    rows: dict[tuple[tuple[str, str], ...], int] = {}
    keep: list[int] = []
    for index, labels in enumerate(vector.labels):
        first = rows.setdefault(key(labels), index)
        if first == index:
            keep.append(index)
            continue
        mask = vector.present[index]
        if (vector.present[first] & mask).any():
            raise ExecutionError(
                f"{what}: vector cannot contain metrics with the same labelset: {shown(labels)}"
            )
        vector.values[first, mask] = vector.values[index, mask]
        vector.present[first] |= mask
        if vector.histograms is not None:
            vector.histograms[first, mask] = vector.histograms[index, mask]
    return vector if len(keep) == len(vector.labels) else vector.rows(keep)


def shown(labels: Labels) -> str:
    """Labels as PromQL writes them."""
    inner = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()) if name != NAME)
    return f"{labels.get(NAME, '')}{{{inner}}}"

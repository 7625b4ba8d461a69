"""What every function is given, and how windows become vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ...model.series import Histogram
from ..annotations import Annotations
from ..messages import COLLISION, RECONCILED
from ..native.arithmetic import Combined
from ..tree import Expression, FunctionCall
from ..values import (
    NAME,
    Floats,
    Histograms,
    Labels,
    Mask,
    Matrix,
    Sample,
    Samples,
    Scalar,
    Text,
    Times,
    Value,
    Vector,
    native,
    stack,
    without_name,
)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a function.

    Attributes:
        node: the call in the tree.
        arguments: its evaluated arguments.
        times: the grid, ms.
        notes: takes annotations for whoever asked.
    """

    node: FunctionCall
    arguments: Sequence[Value]
    times: Times
    notes: Annotations

    @property
    def steps(self) -> int:
        """Number of times in the grid."""
        return len(self.times)

    def vector(self, index: int = 0) -> Vector:
        """An argument that was checked to be a vector."""
        value = self.arguments[index]
        assert isinstance(value, Vector)  # noqa: S101 - check.py checks the types of arguments
        return value

    def matrix(self, index: int = 0) -> Matrix:
        """An argument that was checked to be a range vector."""
        value = self.arguments[index]
        assert isinstance(value, Matrix)  # noqa: S101 - as above
        return value

    def scalar(self, index: int, default: float | None = None) -> Floats:
        """A scalar argument at each time."""
        if index >= len(self.arguments) and default is not None:
            return np.full(self.steps, default)
        value = self.arguments[index]
        assert isinstance(value, Scalar)  # noqa: S101 - as above
        return value.values

    def text(self, index: int) -> str:
        """A string argument."""
        value = self.arguments[index]
        assert isinstance(value, Text)  # noqa: S101 - as above
        return value.value

    def warn(self, text: str, index: int = 0) -> None:
        """Annotate one of the arguments."""
        self.notes.warn(text, self._argument(index))

    def info(self, text: str, index: int = 0) -> None:
        """Annotate one of the arguments."""
        self.notes.info(text, self._argument(index))

    def combined(self, found: Combined, operation: str) -> None:
        """Say what had to give way for a combination of histograms of the range."""
        if found.collision:
            self.warn(f"{COLLISION} {operation}")
        if found.reconciled:
            self.info(f"{RECONCILED} {operation}")

    def _argument(self, index: int) -> Expression:
        return self.node.arguments[index] if index < len(self.node.arguments) else self.node


Function: TypeAlias = Callable[[Call], Value]


@dataclass(slots=True)
class Window:
    """The samples of one series in one window.

    Attributes:
        times: of the samples, ms.
        values: of those that are numbers.
        histograms: None where a sample is a number; None as a whole where all are.
        start: of the window, ms, exclusive.
        end: of the window, ms.
        step: which of the grid's times it belongs to.
        name: of the metric.
    """

    times: Times
    values: Floats
    histograms: Histograms | None
    start: int
    end: int
    step: int
    name: str

    @property
    def native(self) -> list[Histogram]:
        """The samples that are histograms."""
        return [] if self.histograms is None else [one for one in self.histograms if one is not None]

    @property
    def mixed(self) -> bool:
        """Whether there are samples of both kinds."""
        return self.histograms is not None and 0 < len(self.native) < len(self.times)

    def numbers(self) -> Window:
        """The window with those samples only that are numbers."""
        if self.histograms is None:
            return self
        keep = ~native(self.histograms)
        return Window(self.times[keep], self.values[keep], None, self.start, self.end, self.step, self.name)


# What a window gives; None where there is no answer.
OfWindow: TypeAlias = Callable[[Window], Sample | None]


def bounds(series: Samples, matrix: Matrix) -> tuple[Times, Times]:
    """For each step the first sample of its window (open on the left) and the one after its last."""
    reach = matrix.reach_ms
    first = np.searchsorted(series.times, matrix.starts - reach, side="right")
    ends = matrix.ends + reach if matrix.extension == "smoothed" else matrix.ends
    last = np.searchsorted(series.times, ends, side="right")
    return first, last


def windowed(matrix: Matrix, function: OfWindow, *, keep_name: bool = False) -> Vector:
    """Apply a function to every window that has a sample."""
    steps = len(matrix.ends)
    labels: list[Labels] = []
    values: list[Floats] = []
    present: list[Mask] = []
    histograms: list[Histograms | None] = []
    for series in matrix.series:
        matrix.check()
        first, last = bounds(series, matrix)
        row, there = np.zeros(steps), np.zeros(steps, dtype=bool)
        found_native: Histograms | None = None
        name = series.labels.get(NAME, "")
        for step in np.flatnonzero(last > first):
            inside = slice(first[step], last[step])
            window = Window(
                series.times[inside],
                series.values[inside],
                None if series.histograms is None else series.histograms[inside],
                int(matrix.starts[step]),
                int(matrix.ends[step]),
                int(step),
                name,
            )
            found = function(window)
            if found is None:
                continue
            there[step] = True
            if isinstance(found, Histogram):
                if found_native is None:
                    found_native = np.full(steps, None, dtype=object)
                found_native[step] = found
            else:
                row[step] = found
        if there.any():
            labels.append(series.labels if keep_name else without_name(series.labels))
            values.append(row)
            present.append(there)
            histograms.append(found_native)
    return stack(labels, values, present, steps, histograms)


def of_numbers(
    call: Call, function: Callable[[Window], float | None], index: int = 0, *, least: int = 1
) -> Vector:
    """Apply a function that knows numbers only to every window that has as many of them as it needs."""

    def apply(window: Window) -> float | None:
        numbers = window.numbers()
        if window.mixed:
            call.info(
                "ignored histograms in a range containing both floats and histograms"
                f' for metric name "{window.name}"',
                index,
            )
        return function(numbers) if len(numbers.times) >= least else None

    return windowed(call.matrix(index), apply)

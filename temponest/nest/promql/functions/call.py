"""What every function is given, and how windows become vectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from ..values import (
    Floats,
    Labels,
    Mask,
    Matrix,
    Samples,
    Scalar,
    Text,
    Times,
    Value,
    Vector,
    stack,
    without_name,
)


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a function.

    Attributes:
        name: the function.
        arguments: its evaluated arguments.
        times: the grid, ms.
        warn: takes an annotation for whoever asked.
    """

    name: str
    arguments: Sequence[Value]
    times: Times
    warn: Callable[[str], None]

    @property
    def steps(self) -> int:
        """Number of times in the grid."""
        return len(self.times)

    def vector(self, index: int = 0) -> Vector:
        """An argument that the parser has checked to be a vector."""
        value = self.arguments[index]
        assert isinstance(value, Vector)  # noqa: S101 - the parser checks the types of arguments
        return value

    def matrix(self, index: int = 0) -> Matrix:
        """An argument that the parser has checked to be a range vector."""
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


Function: TypeAlias = Callable[[Call], Value]

# The samples of one window with its bounds in ms and the step it belongs to; None where there is no answer.
Window: TypeAlias = Callable[[Times, Floats, int, int, int], float | None]


def bounds(series: Samples, matrix: Matrix) -> tuple[Times, Times]:
    """For each step the first sample of its window (open on the left) and the one after its last."""
    first = np.searchsorted(series.times, matrix.starts, side="right")
    last = np.searchsorted(series.times, matrix.ends, side="right")
    return first, last


def windowed(matrix: Matrix, function: Window, *, keep_name: bool = False) -> Vector:
    """Apply a function to every window that has a sample."""
    steps = len(matrix.ends)
    labels: list[Labels] = []
    values: list[Floats] = []
    present: list[Mask] = []
    for series in matrix.series:
        first, last = bounds(series, matrix)
        row, there = np.zeros(steps), np.zeros(steps, dtype=bool)
        for step in np.flatnonzero(last > first):
            inside = slice(first[step], last[step])
            found = function(
                series.times[inside],
                series.values[inside],
                int(matrix.starts[step]),
                int(matrix.ends[step]),
                int(step),
            )
            if found is not None:
                row[step], there[step] = found, True
        if there.any():
            labels.append(series.labels if keep_name else without_name(series.labels))
            values.append(row)
            present.append(there)
    return stack(labels, values, present, steps)

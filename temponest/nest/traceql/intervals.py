"""The points in time of a metrics answer.

As in Prometheus an interval is open on its left and closed on its right, and its sample stands at its end.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from .errors import InvalidQueryError

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]

# As many points as a very wide screen has pixels; Prometheus has the same limit.
MAX_INTERVALS = 11_000
_SECOND = 1_000_000_000
_HOUR = 3_600 * _SECOND


@dataclass(frozen=True, slots=True)
class Intervals:
    """Equal intervals from `start_ns` (exclusive) to `start_ns + count * step_ns` (inclusive)."""

    start_ns: int
    step_ns: int
    count: int

    @property
    def end_ns(self) -> int:
        """The end of the last interval."""
        return self.start_ns + self.count * self.step_ns

    @property
    def seconds(self) -> float:
        """The length of one interval."""
        return self.step_ns / _SECOND

    def index(self, times_ns: Ints) -> Ints:
        """The interval of each time; -1 outside of all."""
        found = (times_ns - self.start_ns - 1) // self.step_ns
        return np.where((found >= 0) & (found < self.count), found, -1)

    def time_ms(self, index: int) -> int:
        """When the sample of an interval stands, in milliseconds."""
        return (self.start_ns + (index + 1) * self.step_ns) // 1_000_000


def aligned(start_ns: int, end_ns: int, step_ns: int) -> Intervals:
    """Intervals on multiples of the step that cover the window, so that repeated queries agree.

    Raises:
        InvalidQueryError: the window is empty or has too many points.
    """
    _check(start_ns, end_ns)
    if step_ns <= 0:
        raise InvalidQueryError("step must be longer than nothing")
    first = start_ns - start_ns % step_ns
    count = -((first - end_ns) // step_ns)
    if count > MAX_INTERVALS:
        raise InvalidQueryError(
            f"{count} points are more than {MAX_INTERVALS}: ask for a longer step or a shorter time"
        )
    return Intervals(first, step_ns, count)


def instant(start_ns: int, end_ns: int) -> Intervals:
    """The whole window as one interval."""
    _check(start_ns, end_ns)
    return Intervals(start_ns, end_ns - start_ns, 1)


def default_step_ns(start_ns: int, end_ns: int) -> int:
    """About 240 points, on a round step: 15 s for an hour."""
    wanted = (end_ns - start_ns) // 240
    if end_ns - start_ns < 60 * _SECOND:
        fine = 50_000_000
        return max(fine, wanted // fine * fine)
    for unit in (_HOUR, 300 * _SECOND, 60 * _SECOND, 15 * _SECOND, 5 * _SECOND, _SECOND):
        if wanted > unit:
            return wanted // unit * unit
    return _SECOND


def _check(start_ns: int, end_ns: int) -> None:
    if end_ns <= start_ns:
        raise InvalidQueryError("the end of the time range must be after its start")

"""Histograms of durations: which bucket a duration falls into, and many of them counted at once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..model.series import Labels
from .metrics import number

# Seconds; the buckets that semantic conventions advise for request durations.
BOUNDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0)
BUCKETS = len(BOUNDS) + 1

Sample: TypeAlias = tuple[Labels, float]
Numbers: TypeAlias = npt.NDArray[Any]


def series(name: str, labels: dict[str, str]) -> Labels:
    """Labels in order, empty ones left out."""
    return tuple(sorted((key, value) for key, value in {**labels, "__name__": name}.items() if value))


def _no_counts() -> npt.NDArray[np.int64]:
    return np.zeros(BUCKETS, np.int64)


@dataclass(slots=True)
class Latency:
    """A histogram: durations by bucket (the last one has no bound), and their sum in seconds."""

    counts: npt.NDArray[np.int64] = field(default_factory=_no_counts)
    seconds: float = 0.0

    def add(self, other: Latency) -> None:
        """Count all of another one."""
        self.counts += other.counts
        self.seconds += other.seconds

    def samples(self, name: str, labels: dict[str, str]) -> Iterator[Sample]:
        """`_bucket`, `_sum` and `_count`."""
        running = np.cumsum(self.counts).tolist()
        for bound, count in zip((*BOUNDS, float("inf")), running, strict=True):
            yield series(f"{name}_bucket", {**labels, "le": number(bound)}), float(count)
        yield series(f"{name}_sum", labels), self.seconds
        yield series(f"{name}_count", labels), float(running[-1])


@dataclass(frozen=True, slots=True)
class Durations:
    """Durations of a batch.

    Attributes:
        seconds: of each row, never negative.
        buckets: the bucket that each falls into.
    """

    seconds: Numbers
    buckets: Numbers

    @classmethod
    def of(cls, duration_ns: pa.ChunkedArray) -> Durations:
        """From nanoseconds."""
        seconds = np.maximum(duration_ns.to_numpy(), 0) / 1e9
        return cls(seconds, np.searchsorted(BOUNDS, seconds, side="left"))

    def take(self, rows: Numbers) -> Durations:
        """Those of some rows."""
        return Durations(self.seconds[rows], self.buckets[rows])

    def followed_by(self, other: Durations) -> Durations:
        """These, then others."""
        return Durations(
            np.concatenate((self.seconds, other.seconds)), np.concatenate((self.buckets, other.buckets))
        )

    def grouped(self, group: Numbers, groups: int) -> list[Latency]:
        """One histogram a group.

        Args:
            group: the group of each row, from 0 on.
            groups: how many there are.
        """
        cells = np.bincount(group * BUCKETS + self.buckets, minlength=groups * BUCKETS)
        sums = np.bincount(group, self.seconds, groups)
        return [
            Latency(counts, seconds)
            for counts, seconds in zip(cells.reshape(groups, BUCKETS), sums.tolist(), strict=True)
        ]

"""Samples that are in no segment yet."""

from __future__ import annotations

import struct
from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable

from ...model.series import Exemplar, Histogram, Labels, Series

# Prometheus' staleness marker, a NaN of its own.
STALE: float = struct.unpack("<d", struct.pack("<Q", 0x7FF0000000000002))[0]

# Exemplars kept in all; the oldest make room. A page shows a few hundred at once.
EXEMPLARS = 20_000


class Head:
    """Series by labels. Not thread-safe: its owner holds a lock."""

    def __init__(self) -> None:
        self.series: dict[Labels, Series] = {}
        self.samples = 0

    def add(self, labels: Labels, time_ms: int, value: float, histogram: Histogram | None = None) -> None:
        """Add one sample; one of the same time is replaced, one from the past is put in its place."""
        series = self.series.get(labels)
        if series is None:
            series = self.series[labels] = Series(labels)
        native = histogram is not None or bool(series.histograms)
        if native and not series.histograms:
            series.histograms = [None] * len(series.times)
        position = bisect_left(series.times, time_ms)
        if position < len(series.times) and series.times[position] == time_ms:
            series.values[position] = value
            if native:
                series.histograms[position] = histogram
            return
        series.times.insert(position, time_ms)
        series.values.insert(position, value)
        if native:
            series.histograms.insert(position, histogram)
        self.samples += 1


def window(series: Series, start_ms: int, end_ms: int) -> Series:
    """A copy of the samples in the closed window."""
    first, last = bisect_left(series.times, start_ms), bisect_right(series.times, end_ms)
    return Series(
        series.labels,
        series.times[first:last],
        series.values[first:last],
        series.histograms[first:last],
    )


def joined(parts: Iterable[Series]) -> Series:
    """Samples of one series from several places, the later place winning where times are equal."""
    head = Head()
    labels: Labels = ()
    for part in parts:
        labels = part.labels
        for position, time_ms in enumerate(part.times):
            histogram = part.histograms[position] if part.histograms else None
            head.add(labels, time_ms, part.values[position], histogram)
    return head.series.get(labels) or Series(labels)


class Exemplars:
    """The newest exemplars. Not thread-safe: its owner holds a lock."""

    def __init__(self) -> None:
        self.kept: deque[Exemplar] = deque(maxlen=EXEMPLARS)

    def add(self, exemplar: Exemplar) -> None:
        """Keep one; senders repeat theirs with every report, so one that is there is not kept twice."""
        for known in reversed(self.kept):
            if known == exemplar:
                return
            if known.time_ms < exemplar.time_ms - 120_000:
                break
        self.kept.append(exemplar)

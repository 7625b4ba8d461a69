"""What a query reads: every selector with the times it needs."""

from __future__ import annotations

import numpy as np

from ..model.series import Matcher, Series
from ..model.source import CancelCheck, SeriesSource
from .parse import parse
from .tree import Selector, walk
from .values import Samples, Times

# The bits of Prometheus' staleness marker.
_STALE = np.int64(0x7FF0000000000002)


class Reader:
    """Reads selectors.

    Args:
        source: where the series are.
        cancelled: polled while reading.
        most: how many samples there is room for.

    Attributes:
        samples: how many were read.
    """

    def __init__(self, source: SeriesSource, cancelled: CancelCheck, most: int) -> None:
        self._source = source
        self._cancelled = cancelled
        self._most = most
        self.samples = 0

    def read(self, matchers: tuple[Matcher, ...], start_ms: int, end_ms: int) -> list[tuple[Samples, Times]]:
        """Series with their samples in the closed window, and the times at which each ended."""
        found = self._source.select(matchers, start_ms, end_ms, self._cancelled, self._most - self.samples)
        return [self._split(series) for series in found]

    def _split(self, series: Series) -> tuple[Samples, Times]:
        times = np.frombuffer(series.times, dtype=np.int64)
        values = np.frombuffer(series.values, dtype=np.float64)
        histograms = None
        if series.histograms:
            histograms = np.full(len(times), None, dtype=object)
            histograms[:] = series.histograms
            # A histogram is some dozens of numbers.
            self.samples += 20 * len(times)
        self.samples += len(times)
        stale = values.view(np.int64) == _STALE
        labels = dict(series.labels)
        if not stale.any():
            return Samples(labels, times, values, histograms), times[:0]
        kept = None if histograms is None else histograms[~stale]
        return Samples(labels, times[~stale], values[~stale], kept), times[stale]


def selectors(query: str) -> list[tuple[Matcher, ...]]:
    """The matchers of every selector in a query.

    Raises:
        QueryError: the query is not PromQL.
    """
    return [node.matchers for node in walk(parse(query)) if isinstance(node, Selector)]

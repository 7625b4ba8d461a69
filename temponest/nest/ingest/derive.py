"""Metrics derived from spans, written as series every few seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from ..model.series import Labels
from ..store.consumer import SpanBatch
from ..store.series.store import SeriesStore
from . import service_graph, span_metrics
from .service_graph import ServiceGraph
from .span_metrics import SpanMetrics

# Seconds between two samples of every derived series.
INTERVAL = 5.0

# Whose log records these are, in the series store.
STREAM = "spans"


class Derived:
    """Counts each span once: what was written to a durable segment is not counted again after a restart.

    Counters start at zero with the nest; queries take that for the restart that it is.

    Args:
        series: where the samples go.
    """

    def __init__(self, series: SeriesStore) -> None:
        self._series = series
        self._guard = threading.Lock()
        self._spans = SpanMetrics()
        self._graph = ServiceGraph()
        self._begun: set[Labels] = set()
        self._last = series.covered(STREAM)
        for metadata in (span_metrics.METADATA, service_graph.METADATA):
            for name, item in metadata.items():
                series.describe(name, item)

    def take(self, batch: SpanBatch) -> None:
        """Count a batch; called on the store's writer thread."""
        with self._guard:
            # Taken even where counting fails: the log must not be kept for spans that nothing can count.
            self._last = batch.last
            self._spans.add(batch.table)
            self._graph.add(batch.table)

    def covered(self) -> int:
        """Sequence of the newest log record whose spans are counted in a durable segment."""
        return self._series.covered(STREAM)

    def emit(self) -> None:
        """Write a sample of every series; a new one begins with a zero, so that its first count is seen."""
        # The samples hold exactly the records up to `last`: a batch is counted before or after both.
        with self._guard:
            last, samples = self._last, list(self._samples(int(time.time() * 1000)))
        self._series.took(STREAM, last, samples)

    def _samples(self, now: int) -> Iterator[tuple[Labels, int, float]]:
        for source in (self._spans, self._graph):
            for labels, value in source.samples():
                if labels not in self._begun:
                    self._begun.add(labels)
                    yield labels, now - int(INTERVAL * 1000), 0.0
                yield labels, now, value

"""Metrics derived from spans, written as series every few seconds."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator

import pyarrow as pa

from ..model.series import Labels
from ..store.block import one_chunk
from ..store.consumer import SpanBatch
from ..store.series.store import SeriesStore
from . import service_graph, span_metrics
from .service_graph import ServiceGraph
from .span_metrics import SpanMetrics

_log = logging.getLogger("temponest.ingest")

# Spans are counted so many at once: what a batch costs by itself, and looking through the halves that wait,
# is shared by more of them then. At 50 bytes of each that is three megabytes.
COUNTED_AT_ONCE = 64 * 1024

# What is counted of a span.
_COLUMNS = (
    "trace_id",
    "span_id",
    "parent_span_id",
    "name",
    "kind",
    "duration_ns",
    "status",
    "service",
    "str:db.system.name",
    "str:db.system",
)

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
        self._uncounted: list[pa.Table] = []
        self._rows = 0
        self._last = series.covered(STREAM)
        for metadata in (span_metrics.METADATA, service_graph.METADATA):
            for name, item in metadata.items():
                series.describe(name, item)

    def take(self, batch: SpanBatch) -> None:
        """Take a batch, to be counted with others; called on the store's writer thread."""
        with self._guard:
            # Taken even where counting fails: the log must not be kept for spans that nothing can count.
            self._last = batch.last
            there = batch.table.schema.names
            self._uncounted.append(batch.table.select([name for name in _COLUMNS if name in there]))
            self._rows += batch.table.num_rows
            if self._rows >= COUNTED_AT_ONCE:
                self._count()

    def covered(self) -> int:
        """Sequence of the newest log record whose spans are counted in a durable segment."""
        return self._series.covered(STREAM)

    def emit(self) -> None:
        """Write a sample of every series; a new one begins with a zero, so that its first count is seen."""
        # The samples hold exactly the records up to `last`: a batch is counted before or after both.
        with self._guard:
            self._count()
            last, samples = self._last, list(self._samples(int(time.time() * 1000)))
        self._series.took(STREAM, last, samples)

    def _count(self) -> None:
        tables, self._uncounted, self._rows = self._uncounted, [], 0
        if not tables:
            return
        try:
            table = one_chunk(pa.concat_tables(tables, promote_options="default"))
            self._spans.add(table)
            self._graph.add(table)
        except Exception:  # noqa: BLE001 - neither the store nor the next samples may stop for it
            _log.exception("%d spans could not be counted in metrics", sum(map(len, tables)))

    def _samples(self, now: int) -> Iterator[tuple[Labels, int, float]]:
        for source in (self._spans, self._graph):
            for labels, value in source.samples():
                if labels not in self._begun:
                    self._begun.add(labels)
                    yield labels, now - int(INTERVAL * 1000), 0.0
                yield labels, now, value

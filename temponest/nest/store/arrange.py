"""In which order rows lie in a segment: what is read together lies together."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from .arrays import columns_of, halves_of_ids
from .schema import SPANS, Shape


def arranged(table: pa.Table, shape: Shape) -> pa.Table:
    """Spans by trace, traces by their first start; log records by time."""
    return _by_trace(table) if shape is SPANS else table.sort_by(shape.time)


def _by_trace(table: pa.Table) -> pa.Table:
    halves = halves_of_ids(columns_of(table, "trace_id"))
    start = columns_of(table, "start_ns").to_numpy()
    order = np.lexsort((start, halves[:, 1], halves[:, 0]))
    high, low = halves[order, 0], halves[order, 1]
    begins = np.concatenate(([True], (high[1:] != high[:-1]) | (low[1:] != low[:-1])))
    traces = np.argsort(start[order][begins], kind="stable")
    position = np.empty(len(traces), np.int64)
    position[traces] = np.arange(len(traces))
    order = order[np.argsort(position[np.cumsum(begins) - 1], kind="stable")]
    return table.take(pa.array(order))

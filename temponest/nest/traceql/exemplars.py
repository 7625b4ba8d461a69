"""Spans to look at: for each point of a series the one with the largest value, then a fair choice of them."""

from __future__ import annotations

import math

import numpy as np

from .intervals import Floats, Intervals, Ints
from .quantiles import by_group
from .rows import Rows
from .series import Exemplar

# Candidates kept while scanning; a choice among so many is as good as among all.
MAX_CANDIDATES = 20_000


class Exemplars:
    """Collects candidates by point (series and interval).

    Args:
        limit: how many to choose in the end; 0 collects nothing.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._found: dict[int, Exemplar] = {}

    def add(self, rows: Rows, selected: Ints, points: Ints, values: Floats | None) -> None:
        """Look at one batch: `points` and `values` beside the selected rows."""
        if not self._limit:
            return
        order = by_group(points, np.zeros(len(points)) if values is None else -values)
        ordered = points[order]
        best = order[np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))]
        for position in best.tolist():
            point = int(points[position])
            value = math.nan if values is None else float(values[position])
            known = self._found.get(point)
            if known is None and len(self._found) >= MAX_CANDIDATES:
                continue
            if known is None or value > known.value:
                row = int(selected[position])
                trace_id, span_id = rows.ids(row)
                time_ms = int(rows.start_ns[row]) // 1_000_000
                self._found[point] = Exemplar(trace_id, span_id, value, time_ms)

    def by_series(self, intervals: Intervals, counts: Floats | None) -> dict[int, list[Exemplar]]:
        """The chosen ones by series number, spread over series and time.

        Args:
            intervals: the points in time.
            counts: values by series and interval that an exemplar takes over where it is no value of its own
                (a rate has none), so that its dot lies on the line.
        """
        chosen: dict[int, list[Exemplar]] = {}
        seen: set[bytes] = set()
        step = max(1, len(self._found) // self._limit) if self._limit else 1
        for point in sorted(self._found)[::step]:
            exemplar = self._found[point]
            if len(seen) >= self._limit:
                break
            if exemplar.trace_id in seen:
                continue
            seen.add(exemplar.trace_id)
            series, interval = divmod(point, intervals.count)
            if counts is not None:
                value = float(counts[series, interval])
                exemplar = Exemplar(exemplar.trace_id, exemplar.span_id, value, exemplar.time_ms)
            chosen.setdefault(series, []).append(exemplar)
        return chosen

"""Metrics as text for people: one line a point."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TextIO

from .points import ExponentialPoint, HistogramPoint, Metric, Point, ScopeMetrics


class ConsoleMetricsExporter:
    """Prints each collection, one line a point.

    Args:
        out: where to; standard output if None.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out

    def export(self, metrics: list[ScopeMetrics], deadline: float) -> bool:
        """Print; a stream that is closed or full loses the lines and nothing else."""
        del deadline
        out = sys.stdout if self._out is None else self._out
        try:
            out.writelines(f"{line}\n" for line in lines(metrics))
            out.flush()
        except (OSError, ValueError):
            return False
        return True

    def close(self) -> None:
        """The stream is not ours to close."""

    def reset(self) -> None:
        """A forked child prints to the same stream."""


def lines(metrics: Iterable[ScopeMetrics]) -> Iterable[str]:
    """One line for each point: name, attributes, value and unit, temporality if it is not cumulative."""
    for of_scope in metrics:
        for metric in of_scope.metrics:
            for point in metric.points:
                yield _line(metric, point)


def _line(metric: Metric, point: Point) -> str:
    pairs = ", ".join(f"{key}={_plain(value)}" for key, value in sorted(point.attributes.items()))
    unit = f" {metric.unit}" if metric.unit and metric.unit != "1" else ""
    value: str
    if isinstance(point, HistogramPoint | ExponentialPoint):
        value = f"count {point.count}, sum {point.sum:.6g}{unit}"
        if point.min is not None and point.max is not None:
            value += f", min {point.min:.6g}, max {point.max:.6g}"
    else:
        value = f"{point.value:.10g}{unit}"
    delta = " (delta)" if metric.temporality.name == "DELTA" else ""
    return f"{metric.name}{{{pairs}}} {value}{delta}"


def _plain(value: object) -> str:
    # A line stays a line whatever an attribute holds.
    return str(value).encode("unicode_escape").decode("ascii") if isinstance(value, str) else str(value)

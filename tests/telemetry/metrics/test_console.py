"""Metrics on the console."""

from __future__ import annotations

import io
import time

from shared.telemetry.metrics import preferences
from shared.telemetry.metrics.console import ConsoleMetricsExporter
from tests.telemetry.metrics.measured import Measured


def printed(measured: Measured) -> list[str]:
    out = io.StringIO()
    assert ConsoleMetricsExporter(out).export(measured.reader.collect(1), time.monotonic() + 1)
    return out.getvalue().splitlines()


def test_each_point_is_one_line_with_its_attributes_and_unit() -> None:
    measured = Measured()
    measured.meter.create_counter("orders", "{order}").add(3, {"b": 1, "a": "two\nlines"})
    measured.meter.create_histogram("wait", "s").record(0.5)
    measured.meter.create_gauge("share", "1").set(0.25)
    assert printed(measured) == [
        "orders{a=two\\nlines, b=1} 3 {order}",
        "wait{} count 1, sum 0.5 s, min 0.5, max 0.5",
        "share{} 0.25",
    ]


def test_a_difference_is_told_as_one() -> None:
    measured = Measured(preferences("delta"))
    measured.meter.create_counter("orders").add(3)
    assert printed(measured) == ["orders{} 3 (delta)"]


def test_a_closed_stream_loses_the_lines_and_nothing_else() -> None:
    measured = Measured()
    measured.meter.create_counter("orders").add(3)
    out = io.StringIO()
    out.close()
    assert not ConsoleMetricsExporter(out).export(measured.reader.collect(1), time.monotonic() + 1)

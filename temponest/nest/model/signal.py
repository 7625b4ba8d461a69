"""The three kinds of telemetry the nest keeps."""

from __future__ import annotations

from enum import IntEnum


class Signal(IntEnum):
    """What a body holds: one OTLP `Export{Trace,Metrics,Logs}ServiceRequest`. The numbers are in the log."""

    TRACES = 1
    METRICS = 2
    LOGS = 3

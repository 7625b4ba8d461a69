"""What several worker processes need: a port each, and an exporter that survives a fork."""

from __future__ import annotations

import re
from collections.abc import Iterator
from importlib.util import find_spec

from shared.telemetry.otlp.request import Signal
from temponest.doctor.finding import Finding, warning
from temponest.doctor.subject import Subject

_WORKERS = re.compile(r"(?:^|\s)(?:-w|--workers)[ =]?(\d+)")


def check(subject: Subject) -> Iterator[Finding]:
    """`WEB_CONCURRENCY`, `UVICORN_WORKERS` and `GUNICORN_CMD_ARGS` beside the exporters."""
    count = _count(subject)
    exporters = (subject.text("OTEL_METRICS_EXPORTER") or "").lower()
    if count > 1 and "prometheus" in exporters:
        yield warning(
            f"OTEL_METRICS_EXPORTER={exporters} with {count} workers",
            "each process wants the same port: all but the first serve no metrics",
            "OTEL_METRICS_EXPORTER=otlp",
        )
    preloads = "--preload" in (subject.text("GUNICORN_CMD_ARGS") or "")
    if preloads and subject.target(Signal.TRACES).protocol == "grpc" and find_spec("h2") is None:
        yield warning(
            "gunicorn forks after the application is loaded (--preload), and h2 is not installed",
            "the official gRPC exporter that is used instead may hang in a forked process",
            "pip install h2, or leave out --preload",
        )


def _count(subject: Subject) -> int:
    given = _WORKERS.search(subject.text("GUNICORN_CMD_ARGS") or "")
    texts = (given and given[1], subject.text("UVICORN_WORKERS"), subject.text("WEB_CONCURRENCY"))
    return next((int(text) for text in texts if text and text.isdecimal()), 1)

"""Times and ids that are the same in every run of a test."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import count
from threading import Lock
from types import ModuleType
from typing import Final
from unittest import mock

from opentelemetry.sdk.trace.id_generator import IdGenerator

from ..instrument import http_client, operations
from ..instrument.asgi import metrics as asgi_metrics
from ..instrument.asgi import tracing as asgi_tracing
from ..trace import local, span, tracer

START: Final = 946_684_800_000_000_000
"""Nanoseconds since the epoch of the first reading: the beginning of 2000, in UTC."""
STEP: Final = 1_000_000
"""Nanoseconds between two readings: a millisecond, so that everything takes time and has an order."""

# Modules that read the clock, by `time.monotonic_ns`.
READERS: Final[tuple[ModuleType, ...]] = (
    tracer,
    span,
    asgi_tracing,
    asgi_metrics,
    http_client,
    operations,
)


class Clock:
    """The time that telemetry sees: it goes on by a millisecond a reading, and by what a test says."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._now = START - STEP

    def time_ns(self) -> int:
        """Nanoseconds since the epoch, a millisecond later at each call."""
        return self.advance(STEP / 1e9)

    def advance(self, seconds: float) -> int:
        """Let time pass, as a slow call would.

        Args:
            seconds: how much.

        Returns:
            The time then, in nanoseconds since the epoch.
        """
        with self._lock:
            self._now += round(seconds * 1e9)
            return self._now


@contextmanager
def tells_time(clock: Clock) -> Iterator[None]:
    """Let telemetry read this clock in place of the machine's."""
    with ExitStack() as patches:
        for module in READERS:
            patches.enter_context(mock.patch.object(module, "monotonic_ns", clock.time_ns))
        # One clock for both.
        patches.enter_context(mock.patch.multiple(local.lead, ahead=0, until=sys.maxsize))
        yield


class SequentialIds(IdGenerator):
    """Trace ids 1, 2, 3 and span ids 1, 2, 3."""

    def __init__(self) -> None:
        self._traces = count(1)
        self._spans = count(1)

    def generate_trace_id(self) -> int:
        """The next trace id."""
        return next(self._traces)

    def generate_span_id(self) -> int:
        """The next span id."""
        return next(self._spans)

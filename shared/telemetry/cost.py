"""What telemetry costs this process, measured by itself.

The export threads, and what requests leave to be done later, are timed by the CPU clock of the thread that
does it. What runs inside of the application's requests is timed in one request of 61, in the request itself,
where caches are as cold as they are, and counts 61 times. A request that is not timed pays nothing for it.
"""

from __future__ import annotations

from itertools import count, cycle
from time import thread_time

from .lifecycle import on_fork

# A prime: requests come in patterns of a few, and every place in a pattern is to be timed alike often.
EVERY = 61


def _reading() -> float:
    """Seconds that one reading of the clock adds to what is timed."""
    began = thread_time()
    for _ in range(100):
        thread_time()
    return (thread_time() - began) / 101


class Section:
    """One sort of work done inside of requests.

    `began = section.begin()`, the work, `if began: section.add(began)`; nothing may be awaited in between.
    What comes after an await, or belongs to a request that was chosen before, reads the clock itself:
    `if chosen: began = thread_time()`, the work, `if chosen: section.add(began)`.
    """

    __slots__ = ("_exact", "_reading", "_seconds", "_turn", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._reading = 0.0
        self.reset()

    def reset(self) -> None:
        """Start from nothing, as a forked child must."""
        # The first calls fill caches and import modules, which no later call does.
        self._turn = cycle((False,) * (EVERY - 1) + (True,)).__next__
        self._seconds = 0.0
        self._exact = 0.0

    def begin(self) -> float:
        """The thread's CPU clock for one call in 61, zero for the others."""
        return thread_time() if self._turn() else 0.0

    def add(self, began: float) -> None:
        """Take the time since `began`."""
        now = thread_time()
        if not self._reading:
            self._reading = _reading()
        self._seconds += max(0.0, now - began - self._reading)

    def spent(self, seconds: float) -> None:
        """Add what was timed from beginning to end, always."""
        self._exact += seconds

    def seconds(self) -> float:
        """CPU seconds of all calls so far, timed or not."""
        return self._exact + EVERY * self._seconds


SERVER = Section("server")
"""The tracing middleware: from the request to its span, and from the response to the span's end."""
METRICS = Section("metrics")
"""The metrics middleware, where it measures without the tracing middleware."""
ASYNCPG = Section("asyncpg")
HTTPX = Section("httpx")
REDIS = Section("redis")
REQUESTS = Section("requests")
"""The instrumentations of clients, each by the name that `OTEL_PYTHON_DISABLED_INSTRUMENTATIONS` takes."""
CUSTOM = Section("custom")
"""Spans that the application makes with `start_as_current_span`."""
DEFERRED = Section("deferred")
"""What requests leave to be done later: spans are encoded there, and measurements recorded."""
SECTIONS = (SERVER, METRICS, ASYNCPG, HTTPX, REDIS, REQUESTS, CUSTOM, DEFERRED)

_export: dict[str, float] = {}


def exported(thread: str) -> None:
    """Told by an export thread now and then: takes its CPU clock.

    Args:
        thread: which of them it is.
    """
    _export[thread] = thread_time()


def seconds() -> dict[str, float]:
    """CPU seconds that telemetry has spent in this process, by part."""
    spent = {section.name: section.seconds() for section in SECTIONS}
    spent["export"] = sum(_export.values())
    return spent


def _forked() -> None:
    _export.clear()
    for section in SECTIONS:
        section.reset()


on_fork(_forked)


class Tally:
    """Counts events from any thread without a lock: the step of an iterator cannot be interrupted."""

    __slots__ = ("_count", "add")

    def __init__(self) -> None:
        self._count = count()
        self.add = self._count.__next__

    def __int__(self) -> int:
        # The only look at an iterator's place that does not move it.
        return int(repr(self._count)[len("count(") : -1])


SPANS_STARTED = Tally()
SPANS_ENDED = Tally()

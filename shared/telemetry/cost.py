"""What telemetry costs this process, measured by itself.

The export threads read their own CPU clock, which is exact. What runs inside of the application's requests is
timed once in 61 calls by the CPU clock of the thread, in the request itself, where caches are as cold as they
are; the mean times the number of calls is the estimate. A call that is not timed pays 60 nanoseconds.
"""

from __future__ import annotations

from itertools import count
from time import thread_time

from .lifecycle import on_fork

# A prime: requests make calls in patterns of a few, and every place in a pattern is to be timed alike often.
EVERY = 61


def _reading() -> float:
    """Seconds that one reading of the clock adds to what is timed."""
    began = thread_time()
    for _ in range(100):
        thread_time()
    return (thread_time() - began) / 101


class Section:
    """One sort of work done inside of requests.

    `began = section.begin()`, the work, `if began: section.end(began)`; nothing may be awaited in between.
    What comes after an await: `if began: again = section.resume()`, the work, `if began: section.add(again)`.
    """

    __slots__ = ("_calls", "_exact", "_left", "_reading", "_seconds", "_timed", "name")

    def __init__(self, name: str) -> None:
        self.name = name
        self._reading = 0.0
        self.reset()

    def reset(self) -> None:
        """Start from nothing, as a forked child must."""
        self._calls = 0
        # The first calls fill caches and import modules, which no later call does.
        self._left = EVERY
        self._timed = 0
        self._seconds = 0.0
        self._exact = 0.0

    def begin(self) -> float:
        """The thread's CPU clock for one call in 61, zero for the others."""
        # Threads may lose each other's counts here, which an estimate can bear and a lock in every call not.
        self._left = left = self._left - 1
        if left > 0:
            return 0.0
        self._left = EVERY
        self._calls += EVERY
        if not self._reading:
            self._reading = _reading()
        return thread_time()

    def end(self, began: float) -> None:
        """Take the time since `begin`."""
        spent = thread_time() - began - self._reading
        self._timed += 1
        self._seconds += max(0.0, spent)

    def resume(self) -> float:
        """The clock again, for a second part of the call that `begin` chose; `add` takes the time."""
        return thread_time()

    def add(self, began: float) -> None:
        """Take the time since `resume`."""
        self._seconds += max(0.0, thread_time() - began - self._reading)

    def spent(self, seconds: float) -> None:
        """Add what was timed from beginning to end."""
        self._exact += seconds

    def seconds(self) -> float:
        """CPU seconds of all calls so far, timed or not."""
        if not self._timed:
            return self._exact
        return self._exact + (self._calls + EVERY - self._left) * self._seconds / self._timed


SERVER = Section("server")
"""The tracing middleware: from the request to its span, and from the response to the span's end."""
METRICS = Section("metrics")
"""The metrics middleware."""
ASYNCPG = Section("asyncpg")
HTTPX = Section("httpx")
REDIS = Section("redis")
REQUESTS = Section("requests")
"""The instrumentations of clients, each by the name that `OTEL_PYTHON_DISABLED_INSTRUMENTATIONS` takes."""
CUSTOM = Section("custom")
"""Spans that the application makes with `start_as_current_span`."""
SECTIONS = (SERVER, METRICS, ASYNCPG, HTTPX, REDIS, REQUESTS, CUSTOM)

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

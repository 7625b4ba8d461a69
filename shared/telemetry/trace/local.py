"""What all spans of one trace in this process have in common, kept once and shared by them."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic_ns, time_ns
from typing import Final

from opentelemetry.trace import SpanContext, TraceFlags, TraceState
from opentelemetry.trace.span import DEFAULT_TRACE_STATE

FLAGS: tuple[TraceFlags, ...] = tuple(TraceFlags(n) for n in range(4))
"""The trace flags by number: bit 0 sampled, bit 1 random trace id."""


_COMPARED_EVERY: Final = 100_000_000
"""Nanoseconds: few requests pay for a second clock, and none is far behind one that was set."""


class Lead:
    """How far the wall clock is ahead of the monotonic clock, compared every tenth of a second.

    Attributes:
        ahead: nanoseconds.
        until: when to compare again, in nanoseconds of the monotonic clock.
    """

    __slots__ = ("ahead", "until")

    def __init__(self) -> None:
        self.ahead = 0
        self.until = 0

    def read(self, now: int | None = None) -> int:
        """Nanoseconds that the wall clock is ahead.

        Args:
            now: a reading of the monotonic clock, where there is one.
        """
        if now is None:
            now = monotonic_ns()
        if now >= self.until:
            # In this order: another thread may read in between.
            self.ahead = time_ns() - monotonic_ns()
            self.until = now + _COMPARED_EVERY
        return self.ahead


lead: Final = Lead()


class LocalTrace:
    """Identity and decision of a trace; made by its local root, inherited by every span below it.

    Its spans read the monotonic clock alone, and `ahead`, read once, makes times of the day of it: whoever
    sets the wall clock while a request runs changes neither how long a span took nor which one came first.

    It refers to no span, so a chain of background tasks, each the parent of the next, keeps nothing alive.
    """

    __slots__ = ("ahead", "flags", "held", "sampled", "state", "timed", "trace_id", "wire")

    def __init__(self, trace_id: int, flags: TraceFlags, state: TraceState = DEFAULT_TRACE_STATE) -> None:
        self.trace_id = trace_id
        self.flags = flags
        self.state = state
        self.sampled = flags & 1
        self.wire = b"\x0a\x10" + trace_id.to_bytes(16, "big")
        self.ahead = 0
        """By `lead`, when the first span was recorded; 0 until then."""
        self.held: Held | None = None
        # Whether the CPU time that telemetry takes in this trace is measured.
        self.timed = False

    def context(self, span_id: int) -> SpanContext:
        """The API's span context of one span of this trace."""
        # The ids are valid by construction, so the checks of SpanContext's constructor are not run again.
        return tuple.__new__(SpanContext, (self.trace_id, span_id, False, self.flags, self.state, True))


class Held:
    """The encoded spans of one unsampled trace until its local root ends.

    Args:
        release: told how many bytes are free again, when the trace is judged or forgotten.
    """

    __slots__ = ("_records", "_release", "_size", "kept")

    def __init__(self, release: Callable[[int], None]) -> None:
        self._release = release
        self._records: list[tuple[bytes, bytes]] = []
        self._size = 0
        self.kept: bool | None = None
        """None until the local root has ended."""

    def add(self, scope: bytes, record: bytes) -> None:
        """Hold one more span."""
        self._records.append((scope, record))
        self._size += len(record)

    def empty(self) -> list[tuple[bytes, bytes]]:
        """Hand out everything."""
        records, self._records = self._records, []
        size, self._size = self._size, 0
        self._release(size)
        return records

    def __del__(self) -> None:
        # A trace whose local root never ends is forgotten with its last span.
        if self._size:
            self._release(self._size)

"""Who asks goes first: work that can wait pauses meanwhile, but never falls behind for it.

Questions and ingest share one interpreter. A question needs it for moments, dozens of times, and each time
it would wait for a thread that is busy with thousands of spans.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

# A worker pauses for twice as long as its step took, so that a third of the time is its own however much is
# asked; and never longer than this, because what it works on is to be found within a second.
_TIMES = 2.0
_LONGEST = 0.3


class Precedence:
    """Counts the questions that are under way."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._under_way = 0

    @property
    def asked(self) -> bool:
        """Whether a question is under way."""
        return self._under_way > 0

    @contextlib.contextmanager
    def asking(self) -> Iterator[None]:
        """A question is under way for the time of the `with` block."""
        with self._changed:
            self._under_way += 1
        try:
            yield
        finally:
            with self._changed:
                self._under_way -= 1
                self._changed.notify_all()

    def worker(self) -> Worker:
        """For a thread whose work can wait."""
        return Worker(self)

    def wait(self, seconds: float) -> None:
        """Wait until nobody asks, or for so long."""
        if self._under_way:
            with self._changed:
                self._changed.wait_for(lambda: not self._under_way, seconds)


class Worker:
    """The pauses of one thread."""

    def __init__(self, precedence: Precedence) -> None:
        self._precedence = precedence
        self._since = time.monotonic()

    @property
    def asked(self) -> bool:
        """Whether a question is under way, so that steps are to be short."""
        return self._precedence.asked

    def begin(self) -> None:
        """There is work: what was before was no step."""
        self._since = time.monotonic()

    def give_way(self) -> None:
        """Pause while somebody asks; called between two steps of some milliseconds."""
        self._precedence.wait(min(_LONGEST, (time.monotonic() - self._since) * _TIMES))
        self._since = time.monotonic()

"""Spans that ended a moment ago, encoded a few at a time.

Between two spans of a request runs enough of the application to push the encoder out of the processor's
caches: alone, a span is encoded in twice the time that it takes in the company of others. A few is all that
wait, so that the garbage collector finds next to nothing to walk.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from ..lifecycle import report
from ..otlp.spans import encode_span

if TYPE_CHECKING:
    from .span import Span

TOGETHER: Final = 8

Put = Callable[[bytes, bytes], None]
"""Takes an encoded scope and an encoded span; never blocks, never raises."""


class Ended:
    """Spans on their way to a queue.

    Args:
        put: takes what is encoded.
    """

    __slots__ = ("_at_most", "_put", "_waiting")

    def __init__(self, put: Put) -> None:
        self._put = put
        self._waiting: deque[tuple[bytes, Span]] = deque()
        self.reset()

    def reset(self) -> None:
        """Forget what waits, as a forked child must: the parent sends it."""
        self._waiting.clear()
        # The first span goes on at once, because it starts the thread that empties this later.
        self._at_most = 1

    def add(self, scope: bytes, span: Span) -> None:
        """Take a span that has ended, with its encoded scope."""
        waiting = self._waiting
        waiting.append((scope, span))
        if len(waiting) >= self._at_most:
            self.empty()
            self._at_most = TOGETHER

    def empty(self) -> None:
        """Encode everything that waits, and put it; any thread may."""
        waiting, put = self._waiting, self._put
        while waiting:
            try:
                scope, span = waiting.popleft()
            except IndexError:  # another thread was faster
                return
            try:
                put(scope, encode_span(span))
            except Exception as error:  # noqa: BLE001 - telemetry never hurts the application
                report(error, "encoding a span")

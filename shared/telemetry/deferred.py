"""What requests leave to be done later: encoding spans and recording measurements, a few dozen at a time.

In a request everything else runs in between, so that every look-up and every function of telemetry meets cold
caches and costs several times what it costs in a loop. So a request only puts down what happened; the rest is
done for many requests at once, by whoever puts the last of a batch, and before anything is sent or collected.
What waits is bounded by its number.
"""

from __future__ import annotations

from collections import deque
from threading import RLock
from time import thread_time
from typing import Any, Final, Protocol, TypeAlias

from .cost import DEFERRED
from .lifecycle import on_fork, report

TOGETHER: Final = 64
"""As many are done as soon as a request has been answered."""
AT_MOST: Final = 256
"""As many are done at once, also in the middle of a request."""


class Worker(Protocol):
    """What does the work."""

    def settle(self, work: Work) -> None:
        """Do what was put down; the worker itself is the first element."""
        ...


Work: TypeAlias = tuple[Any, ...]
"""A `Worker` and what it needs."""

_waiting: deque[Work] = deque()
# Re-entrant, because a signal handler or a finalizer may settle while this thread does.
_lock = RLock()


def put(work: Work) -> None:
    """Put work down; never blocks, never raises."""
    _waiting.append(work)
    if len(_waiting) >= AT_MOST:
        _settle(wait=False)


def put_last(work: Work) -> None:
    """The same at a moment when nobody waits for this thread: the answer to a request has been sent."""
    _waiting.append(work)
    if len(_waiting) >= TOGETHER:
        _settle(wait=False)


def settle() -> None:
    """Do all that waits; when this returns, nothing put before is still on its way."""
    _settle(wait=True)


def _settle(*, wait: bool) -> None:
    if not _lock.acquire(blocking=wait):
        return
    try:
        began = thread_time()
        while _waiting:
            try:
                work = _waiting.popleft()
            except IndexError:  # another thread was faster
                break
            try:
                work[0].settle(work)
            except Exception as error:  # noqa: BLE001 - one must not cost the others, nor the application
                report(error, "deferred work of telemetry")
        DEFERRED.spent(thread_time() - began)
    finally:
        _lock.release()


def _forked() -> None:
    global _lock
    # What its parent's requests have left is done by the parent.
    _waiting.clear()
    _lock = RLock()


on_fork(_forked)

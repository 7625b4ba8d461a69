"""Measurements that instrumentations take in a request and that are recorded later, many at a time.

In a request every look-up meets cold caches and costs several times what it costs in a loop. So what was
measured is only put down there, and recorded in batches; a collection records what waits before it reads.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from threading import RLock
from time import thread_time
from typing import Generic, TypeVar

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span

from ..cost import METRICS
from ..lifecycle import on_fork, report
from ..trace.context import SPAN_KEY

_BATCH = 128
_NO_SPAN = Context({SPAN_KEY: INVALID_SPAN})

Item = TypeVar("Item")


def context_of(span: Span | None) -> Context:
    """The context to record with when a measurement was made in this span, or in none."""
    return _NO_SPAN if span is None else Context({SPAN_KEY: span})


class Deferred(Generic[Item]):
    """Measurements on their way to their series.

    Args:
        record: records one; it runs in whichever thread puts the last of a batch, or collects.
    """

    def __init__(self, record: Callable[[Item], None]) -> None:
        self._record = record
        self._waiting: deque[Item] = deque()
        # Re-entrant, because a signal handler may put a measurement while this thread records.
        self._lock = RLock()
        on_fork(self._forked)

    def put(self, item: Item) -> None:
        """Keep a measurement; never blocks on more than the recording of a batch, never raises."""
        waiting = self._waiting
        waiting.append(item)
        if len(waiting) >= _BATCH:
            self.settle()

    def settle(self) -> None:
        """Record all that waits; when this returns, nothing put before is still on its way."""
        waiting = self._waiting
        began = thread_time()
        with self._lock:
            while waiting:
                try:
                    self._record(waiting.popleft())
                except IndexError:
                    break
                except Exception as error:  # noqa: BLE001 - one measurement must not cost the others
                    report(error, "recording a measurement")
        METRICS.spent(thread_time() - began)

    def _forked(self) -> None:
        # The parent records what its requests measured.
        self._waiting = deque()
        self._lock = RLock()

"""The bounded queue between the end of a span and its export, and the one thread that exports.

Records arrive encoded, so that nothing the application still holds is read later and the garbage collector
has nothing to walk. Whatever ends is either sent or counted as dropped, by reason.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final, Protocol

from ..config import Batching
from ..cost import exported
from ..lifecycle import report
from .reply import Outcome
from .request import Signal, assemble

REQUEST_BYTES: Final = 3 * 1024 * 1024
"""A request stays below the 4 MiB that gRPC servers accept unless told otherwise."""


class Sender(Protocol):
    """What the queue needs of an exporter."""

    def export(self, signal: Signal, body: bytes, deadline: float) -> Outcome:
        """Send one request by the deadline."""
        ...

    def hurry(self, deadline: float | None) -> None:
        """Make no attempt last beyond the deadline and do not wait between attempts; None ends the hurry."""
        ...

    def reset(self) -> None:
        """Forget connections and locks that a fork left behind."""
        ...


@dataclass(frozen=True)
class Counts:
    """What became of the records of one signal since the process started.

    Attributes:
        ended: records handed over.
        queued: records that wait or are being sent.
        exported: records a receiver accepted.
        dropped: records lost, by reason: `queue_full`, `rejected` (the receiver took a request
            without them), `refused` (it refused the request), `shutdown`, `error`.
    """

    ended: int
    queued: int
    exported: int
    dropped: dict[str, int]


@dataclass
class _Batch:
    groups: list[tuple[bytes, list[bytes]]]
    count: int
    size: int


class BatchQueue:
    """Encoded records on their way to one receiver.

    Attributes:
        capacity: how many may wait.
        gather: called before records are taken or counted, to put what waits elsewhere.
    """

    def __init__(
        self, signal: Signal, exporter: Sender, resource: Callable[[], bytes], batching: Batching
    ) -> None:
        """Make an empty queue; the thread starts with the first record.

        Args:
            signal: what the records are.
            exporter: sends requests.
            resource: the encoded `Resource` of this process; asked for each request, since a fork changes it.
            batching: sizes and times.
        """
        self._signal = signal
        self._exporter = exporter
        self._resource = resource
        self._batching = batching
        self.capacity = batching.capacity
        self.gather: Callable[[], None] = _nothing
        self._wake_at = batching.capacity - batching.size + 1
        self.reset()

    def reset(self) -> None:
        """Start empty, as a forked child must: what the parent had queued, the parent sends."""
        # Reentrant, because a signal handler or a finalizer may end a span while this thread is in put().
        self._lock = threading.RLock()
        self._exporting = threading.Lock()
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._groups: dict[bytes, list[bytes]] = {}
        self._room = self._batching.capacity
        self._room_bytes = self._batching.capacity_bytes
        self._gone = 0
        self._exported = 0
        self._dropped: Counter[str] = Counter()
        self._unsent: _Batch | None = None
        self._thread: threading.Thread | None = None
        self._closing = self._closed = False

    def put(self, scope: bytes, record: bytes) -> None:
        """Take over one record: never blocks on the network, never raises.

        Args:
            scope: what `spans.encode_scope` made of the scope it belongs to.
            record: the encoded span or log record. The newest is dropped and counted when the queue is full.
        """
        size = len(record)
        with self._lock:
            room = self._room
            left = self._room_bytes - size
            if room <= 0 or left < 0:
                self._dropped["shutdown" if self._closing else "queue_full"] += 1
                return
            self._room = room - 1
            self._room_bytes = left
            group = self._groups.get(scope)
            if group is None:
                self._groups[scope] = [record]
                if self._thread is None:
                    self._start()
            else:
                group.append(record)
            # While the thread sleeps nothing else changes the room, so that it passes this mark once.
            if room == self._wake_at:
                self._wake.put(None)

    def counts(self) -> Counts:
        """What became of every record so far; `ended == queued + exported + sum(dropped)` always holds."""
        self.gather()
        with self._lock:
            held = self._held()
            dropped = dict(self._dropped)
            return Counts(held + self._exported + sum(dropped.values()), held, self._exported, dropped)

    def flush(self, timeout: float) -> bool:
        """Send what waits now, from this thread, without the patience of the export thread.

        Args:
            timeout: seconds.

        Returns:
            Whether all that had been put before the call has left the queue.
        """
        deadline = time.monotonic() + timeout
        self._exporter.hurry(deadline)
        try:
            return self._drain(deadline)
        finally:
            self._exporter.hurry(None)

    def shutdown(self, timeout: float) -> None:
        """Send what waits, count as dropped what cannot be sent in time or is put later, end the thread.

        Args:
            timeout: seconds.
        """
        with self._lock:
            held = self._held()
            self._closing = True
            # No room for what comes now; what is held goes below zero and back up as it is sent.
            self._room = -held
        self.flush(timeout)
        with self._lock:
            self._closed = True
            self._dropped["shutdown"] += self._held()
            self._room = 0
            self._groups = {}
            self._unsent = None
        self._wake.put(None)

    def join(self, timeout: float) -> None:
        """Wait until the thread has ended, after `shutdown`.

        Args:
            timeout: seconds.
        """
        thread = self._thread
        if thread is not None and thread.is_alive():
            thread.join(timeout)

    def _start(self) -> None:
        thread = threading.Thread(target=self._run, name="telemetry-export", daemon=True)
        self._thread = thread
        # An interpreter that is ending starts no thread; flush() then sends from the thread that calls it.
        with contextlib.suppress(RuntimeError):
            thread.start()

    def _run(self) -> None:
        wake = self._wake
        while not self._closed:
            with contextlib.suppress(Empty):
                wake.get(timeout=self._batching.delay)
            while True:
                with self._exporting:
                    batch = self._take()
                    if batch is None or not self._send(batch, time.monotonic() + self._batching.timeout):
                        break
                if self._held() < self._batching.size:
                    break
            exported(self._signal)

    def _drain(self, deadline: float) -> bool:
        """Send until all that had ended when this was called has left the queue."""
        self.gather()
        with self._lock:
            goal = self._gone + self._held()
        while self._gone < goal:
            if not self._exporting.acquire(timeout=max(0.0, deadline - time.monotonic())):
                return False
            try:
                batch = self._take()
                if batch is not None and not self._send(batch, deadline):
                    return False
            finally:
                self._exporting.release()
        return True

    def _held(self) -> int:
        """Records that wait or are being sent."""
        return (0 if self._closing else self._batching.capacity) - self._room

    def _take(self) -> _Batch | None:
        """The oldest records, as many as one request may carry; only under `_exporting`."""
        if self._unsent is not None:
            batch, self._unsent = self._unsent, None
            return batch
        self.gather()
        batch = _Batch([], 0, 0)
        with self._lock:
            for scope in list(self._groups):
                records = self._groups[scope]
                taken = self._fit(records, batch)
                if taken == len(records):
                    del self._groups[scope]
                else:
                    self._groups[scope] = records[taken:]
                    del records[taken:]
                if not records:
                    break
                batch.groups.append((scope, records))
        return batch if batch.count else None

    def _fit(self, records: list[bytes], batch: _Batch) -> int:
        """How many of the records the batch still takes; its count and size grow by them."""
        for taken, record in enumerate(records):
            size = batch.size + len(record)
            if batch.count == self._batching.size or (size > REQUEST_BYTES and batch.count):
                return taken
            batch.count += 1
            batch.size = size
        return len(records)

    def _send(self, batch: _Batch, deadline: float) -> bool:
        """Send and count; False when the batch is kept for another attempt."""
        try:
            body = assemble(self._resource(), batch.groups)
            outcome = self._exporter.export(self._signal, body, deadline)
        except Exception as error:  # noqa: BLE001 - the thread outlives whatever a transport raises
            report(error, f"the export of {self._signal}")
            outcome = Outcome(ok=False, reason="error")
        with self._lock:
            if self._closed:
                return True
            if outcome.retryable:
                self._unsent = batch
                return False
            self._gone += batch.count
            self._room += batch.count
            self._room_bytes += batch.size
            rejected = min(outcome.rejected, batch.count) if outcome.ok else batch.count
            self._exported += batch.count - rejected
            if rejected:
                self._dropped["rejected" if outcome.ok else outcome.reason] += rejected
        return True


def _nothing() -> None:
    """All there is has been put."""

"""Acknowledging: bodies that arrive together are appended together and share one sync."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future

from ..model.signal import Signal
from .errors import Closed, Full
from .wal import WriteAheadLog
from .wal_record import Record

_log = logging.getLogger("temponest.store")

# A group this large amortises its sync; a larger one would only make the first sender wait.
_GROUP = 4 * 1024 * 1024
# Deleting waits for the groups before it; when it waits longer, the next time does for both.
_PATIENCE = 5.0


class Committer:
    """One thread between `append` and the write-ahead log.

    Args:
        wal: the writing end; after `start` only this thread uses it.
        deliver: takes records that are durable, in order; must not block.
    """

    def __init__(self, wal: WriteAheadLog, deliver: Callable[[list[Record]], None]) -> None:
        self._wal = wal
        self._deliver = deliver
        self._queue: queue.SimpleQueue[tuple[Signal, bytes, Future[None]] | Callable[[], None] | None]
        self._queue = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="nest-wal", daemon=True)
        self._failing = False

    def start(self) -> None:
        """Begin to write."""
        self._thread.start()

    def append(self, signal: Signal, body: bytes) -> Future[None]:
        """Queue a body; the future is done when it is durable, or has the reason why it is not."""
        future: Future[None] = Future()
        self._queue.put((signal, body, future))
        return future

    def end_file(self) -> None:
        """Let what is appended from now on be in another file than what was appended before."""
        self._queue.put(self._wal.close)

    def drop(self, covered: int) -> None:
        """Delete the files of the log that hold nothing newer than `covered`, and wait until they are."""
        done = threading.Event()

        def delete() -> None:
            self._wal.drop(covered)
            done.set()

        self._queue.put(delete)
        done.wait(timeout=_PATIENCE)

    def stop(self) -> None:
        """Write what is queued, then end."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        stopping = False
        while not stopping:
            item = self._queue.get()
            group: list[tuple[Signal, bytes, Future[None]]] = []
            size = 0
            while True:
                if item is None:
                    stopping = True
                    break
                if callable(item):
                    self._commit(group)
                    group, size = [], 0
                    item()
                else:
                    group.append(item)
                    size += len(item[1])
                if size >= _GROUP or self._queue.empty():
                    break
                item = self._queue.get()
            self._commit(group)
        while not self._queue.empty():
            late = self._queue.get()
            if isinstance(late, tuple) and late[2].set_running_or_notify_cancel():
                late[2].set_exception(Closed("the store is closing"))

    def _commit(self, group: list[tuple[Signal, bytes, Future[None]]]) -> None:
        # A sender that left before its body was written has nothing acknowledged.
        group = [one for one in group if one[2].set_running_or_notify_cancel()]
        if not group:
            return
        try:
            first = self._wal.append([(signal, body) for signal, body, _ in group])
        except OSError as error:
            if not self._failing:
                _log.error("cannot write the log: %s; free some space or choose another folder", error)
            self._failing = True
            for _, _, future in group:
                future.set_exception(Full(f"cannot write the log: {error}", retry_after=5.0, cause="disk"))
            return
        if self._failing:
            _log.warning("the log can be written again")
            self._failing = False
        self._deliver([Record(first + i, signal, body) for i, (signal, body, _) in enumerate(group)])
        for _, _, future in group:
            future.set_result(None)

"""The one door of the store: open, append, ask, close."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path

from ..model.log import LogSource
from ..model.signal import Signal
from ..model.source import SpanSource
from . import wal_reader
from .commit import Committer
from .consumer import Consumer, Listener, OnDecoded
from .errors import Closed, Full
from .keeper import Keeper
from .layout import FolderLock, Layout
from .limits import Limits
from .logs.source import LogSnapshots
from .precedence import Precedence
from .snapshot import Snapshots
from .view import CurrentView
from .wal import WriteAheadLog, files, size
from .writer import Writer

_log = logging.getLogger("temponest.store")


@dataclass(frozen=True, slots=True)
class Stats:
    """The state of a store at one moment.

    Attributes:
        accepted_bodies: bodies acknowledged since the start.
        accepted_bytes: their bytes.
        decoded_spans: spans made searchable since the start, those of the replay included.
        decoded_logs: log records likewise.
        queue_bytes: bodies acknowledged and not yet decoded.
        recent_spans: searchable spans that are in no segment yet.
        recent_logs: searchable log records that are in no segment yet.
        segments: number of segments.
        segment_spans: spans in them.
        segment_logs: log records in them.
        segment_bytes: bytes of their files.
        wal_bytes: bytes of the write-ahead log.
        oldest_ns: start of the oldest span or time of the oldest log record kept, 0 when there is none.
        refused: bodies refused because the queue was full or the disk was.
        set_aside: acknowledged bodies that could not be decoded; they are in the folder `aside`.
        dropped_spans: spans without a usable id.
        torn_bytes: bytes of the write-ahead log that could not be read back at the start.
        lost_segments: segments that are missing or damaged.
    """

    accepted_bodies: int
    accepted_bytes: int
    decoded_spans: int
    decoded_logs: int
    queue_bytes: int
    recent_spans: int
    recent_logs: int
    segments: int
    segment_spans: int
    segment_logs: int
    segment_bytes: int
    wal_bytes: int
    oldest_ns: int
    refused: int
    set_aside: int
    dropped_spans: int
    torn_bytes: int
    lost_segments: int


class Store:
    """A folder with everything the nest keeps. Use `open`, then `register` and `on_decoded`, then `start`."""

    def __init__(self, layout: Layout, lock: FolderLock, limits: Limits) -> None:
        self._layout = layout
        self._lock = lock
        self._limits = limits
        self._guard = threading.Lock()
        self._accepted_bodies = self._accepted_bytes = self._refused = 0
        self._tears: list[wal_reader.Tear] = []
        self._view = CurrentView()
        self.precedence = Precedence()
        """Told of questions by whoever answers them."""
        self._keeper = Keeper(layout, limits, self._view, self.precedence.worker())
        self._writer = Writer(layout, limits, self._view, self._keeper, self.precedence.worker())
        self._committer: Committer | None = None
        self.spans: SpanSource = Snapshots(lambda: self._view.now.blocks(Signal.TRACES))
        self.logs: LogSource = LogSnapshots(lambda: self._view.now.blocks(Signal.LOGS))

    @classmethod
    def open(cls, folder: Path, *, limits: Limits | None = None) -> Store:
        """Take the folder for this process, creating it where needed.

        Raises:
            Held: another process writes there.
            Newer: a newer TempoNest wrote it.
        """
        layout = Layout(folder)
        return cls(layout, layout.take(), limits or Limits())

    def register(self, signal: Signal, consumer: Consumer) -> None:
        """Give the bodies of a signal that is not kept in segments here to a consumer; before `start`."""
        self._writer.consumers[signal] = consumer

    def on_decoded(self, callback: OnDecoded, covered: Callable[[], int] = lambda: 0) -> None:
        """Call with every batch of spans, in order, on the thread that decodes; before `start`.

        After a restart the spans that are in no segment come again, except those up to the log record that
        `covered` returns: what a consumer derived of them is durable after its `persist`.
        """
        self._writer.listeners.append(Listener(callback, covered))

    def start(self) -> None:
        """Take back from the log what is in no segment, then begin to accept."""
        self._keeper.open()
        self._keeper.start()
        last = self._writer.replay(wal_reader.read(self._layout.wal, self._replay_after(), self._tears))
        for tear in self._tears:
            _log.error(
                "%s: %s at byte %d, %d bytes are lost", tear.path, tear.reason, tear.offset, tear.lost_bytes
            )
        first_of_files = [first for first, _ in files(self._layout.wal)]
        wal = WriteAheadLog(
            self._layout.wal,
            max([last, self._keeper.covered, *first_of_files]) + 1,
            self._limits.log_file_bytes,
        )
        self._committer = Committer(wal, self._writer.deliver)
        self._keeper.committer = self._committer
        self._writer.start()
        self._committer.start()

    @property
    def folder(self) -> Path:
        """Where everything of it is."""
        return self._layout.folder

    def append(
        self, signal: Signal, body: bytes, patience: float = 0.0, most: int | None = None
    ) -> Future[None]:
        """Keep one OTLP `Export*ServiceRequest`, already checked; the future is done once it is durable.

        Args:
            signal: what it holds.
            body: in protobuf.
            patience: seconds that the call waits for room in the queue.
            most: bytes that may be in the queue then, where the body can do with less room than there is.

        Raises:
            Full: too much is waiting to be decoded, or the disk is full; try again later.
            Closed: the store is not started, or closed.
        """
        committer = self._committer
        if committer is None:
            raise Closed(f"the store in {self._layout.folder} is not running")
        try:
            self._writer.room.take(body, patience, most)
        except Full:
            with self._guard:
                self._refused += 1
            raise
        with self._guard:
            self._accepted_bodies += 1
            self._accepted_bytes += len(body)
        future = committer.append(signal, body)
        future.add_done_callback(lambda done: self._settle(done, body))
        return future

    def flush(self) -> None:
        """Wait until everything acknowledged before the call is searchable."""
        self._writer.drain()

    def seal(self) -> None:
        """Write everything acknowledged as segments, and wait until nothing is left to merge or drop."""
        self.flush()
        self._writer.request_seal()
        self._keeper.settle()

    def rest(self, seconds: float) -> None:
        """Write what is recent as segments before `close`, so that the next start reads nothing again.

        What is not written after `seconds` stays in the log, as it does when the process is killed.
        """
        deadline = time.monotonic() + seconds
        self._writer.request_seal(seconds)
        with self._view.changed:
            self._view.changed.wait_for(lambda: self._view.now.frozen is None, deadline - time.monotonic())

    def close(self) -> None:
        """Stop accepting, write what is queued, give the folder back. What is recent stays in the log."""
        committer, self._committer = self._committer, None
        if committer is not None:
            committer.stop()
            self._writer.stop()
            self._keeper.stop()
        self._lock.release()

    def stats(self) -> Stats:
        """What the store has done and holds."""
        view, writer = self._view.now, self._writer
        entries = [segment.entry for segment in view.segments]
        wal_bytes = size(self._layout.wal)
        blocks = [*view.blocks(Signal.TRACES), *view.blocks(Signal.LOGS)]

        def recent(signal: Signal) -> int:
            return view.recent.rows(signal) + (view.frozen.rows(signal) if view.frozen else 0)

        def sealed(signal: Signal) -> int:
            return sum(entry.rows for entry in entries if entry.signal is signal)

        return Stats(
            accepted_bodies=self._accepted_bodies,
            accepted_bytes=self._accepted_bytes,
            decoded_spans=writer.decoded_spans,
            decoded_logs=writer.decoded_logs,
            queue_bytes=writer.room.taken,
            recent_spans=recent(Signal.TRACES),
            recent_logs=recent(Signal.LOGS),
            segments=len(entries),
            segment_spans=sealed(Signal.TRACES),
            segment_logs=sealed(Signal.LOGS),
            segment_bytes=sum(entry.bytes for entry in entries),
            wal_bytes=wal_bytes,
            oldest_ns=min((block.start_min for block in blocks), default=0),
            refused=self._refused,
            set_aside=writer.set_aside,
            dropped_spans=writer.dropped_spans,
            torn_bytes=sum(tear.lost_bytes for tear in self._tears),
            lost_segments=self._keeper.lost_segments + sum(segment.damaged for segment in view.segments),
        )

    def _replay_after(self) -> int:
        """The last record nobody needs again."""
        needs = [self._keeper.covered, *(one.covered for one in self._writer.consumers.values())]
        return min([*needs, *(listener.covered() for listener in self._writer.listeners)])

    def _settle(self, done: Future[None], body: bytes) -> None:
        if done.cancelled() or done.exception() is not None:
            self._writer.room.give((body,))
            with self._guard:
                self._refused += 1
                self._accepted_bodies -= 1
                self._accepted_bytes -= len(body)

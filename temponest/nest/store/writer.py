"""From durable bodies to searchable spans: the one thread that decodes."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import pyarrow as pa

from ..model.signal import Signal
from .consumer import Consumer, Listener, SpanBatch
from .decode import Decoder
from .keeper import Keeper
from .layout import Layout, write_atomically
from .limits import Limits
from .logs.decode import LogDecoder
from .precedence import Worker
from .recent import Generation
from .room import Room
from .schema import SHAPES
from .view import CurrentView
from .wal_record import Record

_log = logging.getLogger("temponest.store")

# While a segment cannot be written the queue fills and senders are refused; after this many seconds decoding
# goes on for one batch, so that closing and answering are never stuck behind a full disk.
_PATIENCE = 5.0


class Writer:
    """The queue of bodies to decode, the thread that decodes them, and the recent buffer they end in."""

    def __init__(
        self, layout: Layout, limits: Limits, view: CurrentView, keeper: Keeper, worker: Worker
    ) -> None:
        self._layout = layout
        self._limits = limits
        self._view = view
        self._keeper = keeper
        self.consumers: dict[Signal, Consumer] = {}
        self.listeners: list[Listener] = []
        self._worker = worker
        self._decoder = Decoder(limits.columns, worker.give_way, lambda: worker.asked)
        self._log_decoder = LogDecoder(limits.columns)
        self._changed = threading.Condition()
        self.room = Room(limits.queue_bytes)
        self._waiting: list[Record] = []
        self._flushing = 0
        self._stopping = False
        self._seal_asked = False
        self._thread = threading.Thread(target=self._run, name="nest-decode", daemon=True)
        self._delivered = 0
        self._last = 0
        self._unsealed_bytes = 0
        self._unsealed_since = 0.0
        self.decoded_spans = 0
        self.decoded_logs = 0
        self.set_aside = 0

    @property
    def dropped_spans(self) -> int:
        """Spans left out because they have no usable id."""
        return self._decoder.dropped

    def deliver(self, records: Sequence[Record]) -> None:
        """Queue durable records for decoding."""
        with self._changed:
            self._waiting += records
            self._delivered = records[-1].sequence
            self._changed.notify_all()

    def replay(self, records: Iterable[Record]) -> int:
        """Decode what the log held, before the thread starts; return the last sequence seen.

        Groups end where something else stops knowing records: spans up to there are in segments, or in what
        a listener has made of them.
        """
        edges = {self._keeper.covered, *(listener.covered() for listener in self.listeners)}
        size, group = 0, list[Record]()
        for record in records:
            group.append(record)
            size += len(record.body)
            if size >= self._limits.batch_bytes or record.sequence in edges:
                self._process(group)
                group, size = [], 0
                if self._due():
                    self.seal()
        self._process(group)
        return self._last

    def start(self) -> None:
        """Begin to decode."""
        self._thread.start()

    def stop(self) -> None:
        """Decode what is queued, then end."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        with self._view.changed:
            self._view.changed.notify_all()
        self._thread.join()

    def drain(self) -> None:
        """Wait until everything delivered so far is decoded."""
        with self._changed:
            self._flushing += 1
            self._changed.notify_all()
            target = self._delivered
            self._changed.wait_for(lambda: self._last >= target)
            self._flushing -= 1

    def request_seal(self, seconds: float | None = None) -> None:
        """Have the recent buffer sealed now, small or not, and wait so long until it is handed over."""
        with self._changed:
            self._seal_asked = True
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._seal_asked or self._stopping, seconds)

    def seal(self) -> None:
        """Hand the recent buffer to the keeper; waits while the one before is still being written."""
        with self._view.changed:
            free = self._view.changed.wait_for(
                lambda: self._view.now.frozen is None or self._stopping, _PATIENCE
            )
            if not free or self._view.now.frozen is not None:
                return
        if self._persist():
            self._decoder.renew()
            self._log_decoder.renew()
            self._unsealed_bytes = 0
            self._view.change(frozen=self._view.now.recent, recent=Generation())
            self._keeper.seal(self._last)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(self._has_work, timeout=self._until_seal())
                if self._waiting:
                    self._changed.wait_for(self._enough, timeout=self._limits.linger_seconds)
                group = self._next_group()
                asked = self._seal_asked
                if not group and self._stopping:
                    break
            try:
                self._process(group)
                if self._due(asked):
                    self.seal()
            except Exception:  # noqa: BLE001 - this thread must outlive whatever one group did
                _log.exception("decoding failed; what was acknowledged is in the log")
            finally:
                self.room.give(record.body for record in group)
                with self._changed:
                    self._seal_asked &= not asked
                    self._last = group[-1].sequence if group else self._last
                    self._changed.notify_all()
        self._persist()

    def _has_work(self) -> bool:
        return bool(self._waiting or self._stopping or self._seal_asked)

    def _due(self, asked: bool = False) -> bool:
        """Whether the recent buffer is to become a segment: it is large, or old, or somebody asked."""
        recent = self._view.now.recent
        if (
            max(map(recent.rows, SHAPES)) >= self._limits.seal_spans
            or recent.bytes >= self._limits.recent_bytes
        ):
            return True
        if self._unsealed_bytes >= self._limits.seal_bytes:
            return True
        return self._unsealed_bytes > 0 and (asked or self._until_seal() <= 0)

    def _until_seal(self) -> float:
        """Seconds until the recent buffer is old enough."""
        if not self._unsealed_bytes:
            return float(self._limits.seal_seconds)
        return max(0.0, self._unsealed_since + self._limits.seal_seconds - time.monotonic())

    def _persist(self) -> bool:
        """Let consumers make durable what they took; False when one could not, so the log must keep it."""
        try:
            for consumer in {id(one): one for one in self.consumers.values()}.values():
                consumer.persist()
        except OSError as error:
            _log.error("cannot persist what was derived, the log keeps it: %s", error)
            return False
        return True

    def _enough(self) -> bool:
        size = sum(len(record.body) for record in self._waiting)
        return bool(self._stopping or self._flushing or size >= self._limits.batch_bytes)

    def _next_group(self) -> list[Record]:
        size, count = 0, 0
        for record in self._waiting:
            if count and size + len(record.body) > self._limits.batch_bytes:
                break
            size += len(record.body)
            count += 1
        group, self._waiting = self._waiting[:count], self._waiting[count:]
        return group

    def _process(self, group: Sequence[Record]) -> None:
        if not group:
            return
        self._worker.begin()
        if not self._unsealed_bytes:
            self._unsealed_since = time.monotonic()
        for record in group:
            self._unsealed_bytes += len(record.body)
            consumer = self.consumers.get(record.signal)
            if record.signal not in SHAPES and consumer is not None and record.sequence > consumer.covered:
                self._take(consumer, record)
        self._add([record for record in group if record.signal is Signal.TRACES])
        self._add_logs([record for record in group if record.signal is Signal.LOGS])
        self._last = group[-1].sequence

    def _take(self, consumer: Consumer, record: Record) -> None:
        try:
            consumer.take(record.sequence, record.body)
        except Exception as error:  # noqa: BLE001 - one body must not stop all that follow it
            self._set_aside(record, error)

    def _add(self, records: Sequence[Record]) -> None:
        for part, table in self._decoded(self._decoder.decode, records):
            self._add_spans(part, table)

    def _add_logs(self, records: Sequence[Record]) -> None:
        for part, table in self._decoded(self._log_decoder.decode, records):
            if part[-1].sequence > self._keeper.covered:
                self._view.now.recent.add(Signal.LOGS, table, part[-1].sequence)
                self.decoded_logs += table.num_rows

    def _decoded(
        self, decode: Callable[[list[bytes]], pa.Table], records: Sequence[Record]
    ) -> Iterator[tuple[Sequence[Record], pa.Table]]:
        """The records as tables; one that cannot be decoded is set aside."""
        if not records:
            return
        try:
            table = decode([record.body for record in records])
        except Exception as error:  # noqa: BLE001 - one body must not stop all that follow it
            if len(records) == 1:
                self._set_aside(records[0], error)
                return
            # One body is bad: halving finds it without decoding every other one alone.
            yield from self._decoded(decode, records[: len(records) // 2])
            yield from self._decoded(decode, records[len(records) // 2 :])
            return
        self._worker.give_way()
        yield records, table

    def _add_spans(self, records: Sequence[Record], table: pa.Table) -> None:
        first, last = records[0].sequence, records[-1].sequence
        if last > self._keeper.covered:
            self._view.now.recent.add(Signal.TRACES, table, last)
            self.decoded_spans += table.num_rows
        self._worker.give_way()
        for listener in self.listeners:
            if first <= listener.covered():
                continue
            try:
                listener.callback(SpanBatch(first, last, table))
            except Exception:  # noqa: BLE001 - what listens must not stop what is stored
                _log.exception("a listener failed on spans of log records %d to %d", first, last)

    def _set_aside(self, record: Record, error: Exception) -> None:
        """Keep a body that cannot be decoded where a person can look at it, and go on."""
        self.set_aside += 1
        path = self._layout.aside / f"{record.sequence:020d}.{record.signal.name.lower()}"
        _log.error("set aside %d bytes in %s: %s", len(record.body), path, error)
        try:
            write_atomically(path, record.body)
        except OSError as failure:
            _log.error("%s could not be written either: %s", path, failure)

"""From durable bodies to searchable spans: the one thread that decodes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Sequence

from ..model.signal import Signal
from .block import Block
from .consumer import Consumer, OnDecoded, SpanBatch
from .decode import Decoder
from .layout import Layout, write_atomically
from .limits import Limits
from .log_record import Record
from .recent import Generation

_log = logging.getLogger("temponest.store")


class Writer:
    """The queue of bodies to decode, the thread that decodes them, and the recent buffer they end in."""

    def __init__(self, layout: Layout, limits: Limits) -> None:
        self._layout = layout
        self._limits = limits
        self.consumers: dict[Signal, Consumer] = {}
        self.callbacks: list[OnDecoded] = []
        self._decoder = Decoder(limits.columns)
        self._changed = threading.Condition()
        self._waiting: list[Record] = []
        self._admitted_bytes = 0
        self._busy = False
        self._flushing = 0
        self._stopping = False
        self._thread = threading.Thread(target=self._run, name="nest-decode", daemon=True)
        self.recent = Generation()
        self.decoded_spans = 0
        self.set_aside = 0

    @property
    def dropped_spans(self) -> int:
        """Spans left out because they have no usable id."""
        return self._decoder.dropped

    @property
    def queue_bytes(self) -> int:
        """Bytes admitted and not yet decoded."""
        return self._admitted_bytes

    def admit(self, size: int) -> bool:
        """Reserve room in the queue for a body; a body larger than the queue is admitted when it is alone."""
        with self._changed:
            if self._admitted_bytes and self._admitted_bytes + size > self._limits.queue_bytes:
                return False
            self._admitted_bytes += size
            return True

    def forget(self, size: int) -> None:
        """Give back room: the body was never written."""
        with self._changed:
            self._admitted_bytes -= size
            self._changed.notify_all()

    def deliver(self, records: Sequence[Record]) -> None:
        """Queue durable records for decoding."""
        with self._changed:
            self._waiting += records
            self._changed.notify_all()

    def replay(self, records: Iterable[Record]) -> int:
        """Decode what the log held, before the thread starts; return the last sequence seen."""
        last, size, group = 0, 0, list[Record]()
        for record in records:
            last = max(last, record.sequence)
            group.append(record)
            size += len(record.body)
            if size >= self._limits.batch_bytes:
                self._process(group)
                group, size = [], 0
        self._process(group)
        return last

    def start(self) -> None:
        """Begin to decode."""
        self._thread.start()

    def stop(self) -> None:
        """Decode what is queued, then end."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        self._thread.join()

    def drain(self) -> None:
        """Wait until everything delivered so far is decoded."""
        with self._changed:
            self._flushing += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._waiting and not self._busy)
            self._flushing -= 1

    def blocks(self) -> Sequence[Block]:
        """Every block of this moment, newest first."""
        return self.recent.blocks[::-1]

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopping)
                self._changed.wait_for(self._enough, timeout=self._limits.linger_seconds)
                group = self._next_group()
                if not group and self._stopping:
                    return
                self._busy = True
            try:
                self._process(group)
            finally:
                with self._changed:
                    self._busy = False
                    self._admitted_bytes -= sum(len(record.body) for record in group)
                    self._changed.notify_all()

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
        for record in group:
            consumer = self.consumers.get(record.signal)
            if (
                record.signal is not Signal.TRACES
                and consumer is not None
                and record.sequence > consumer.covered
            ):
                self._take(consumer, record)
        self._add([record for record in group if record.signal is Signal.TRACES])

    def _take(self, consumer: Consumer, record: Record) -> None:
        try:
            consumer.take(record.sequence, record.body)
        except Exception as error:  # noqa: BLE001 - one body must not stop all that follow it
            self._set_aside(record, error)

    def _add(self, records: Sequence[Record]) -> None:
        if not records:
            return
        try:
            table = self._decoder.decode([record.body for record in records])
        except ValueError as error:
            if len(records) == 1:
                self._set_aside(records[0], error)
                return
            # One body is bad: halving finds it without decoding every other one alone.
            self._add(records[: len(records) // 2])
            self._add(records[len(records) // 2 :])
            return
        last = records[-1].sequence
        self.recent.add(table, sum(len(record.body) for record in records), last)
        self.decoded_spans += table.num_rows
        for callback in self.callbacks:
            try:
                callback(SpanBatch(records[0].sequence, last, table))
            except Exception:  # noqa: BLE001 - what listens must not stop what is stored
                _log.exception(
                    "a listener failed on spans of log records %d to %d", records[0].sequence, last
                )

    def _set_aside(self, record: Record, error: Exception) -> None:
        """Keep a body that cannot be decoded where a person can look at it, and go on."""
        self.set_aside += 1
        path = self._layout.aside / f"{record.sequence:020d}.{record.signal.name.lower()}"
        _log.error("set aside %d bytes in %s: %s", len(record.body), path, error)
        write_atomically(path, record.body)

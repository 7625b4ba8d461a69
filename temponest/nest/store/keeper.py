"""The thread that looks after segments: seals, merges, drops, sweeps."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress

import pyarrow as pa

from . import catalog, merge_policy, retention, seal, segment, wal
from .block import MemoryBlock
from .catalog import Catalog, Entry
from .commit import Committer
from .errors import Corrupt
from .filters import FilterMemory
from .layout import Layout
from .limits import Limits
from .precedence import Worker
from .recent import Generation
from .schema import SHAPES
from .segment import Segment
from .view import CurrentView

_log = logging.getLogger("temponest.store")

# How often age and size are looked at when nothing is sealed.
_ROUND_SECONDS = 30.0
# A query that began before files were replaced or dropped reads them to its end; none takes longer than this.
# When the disk is full they go at once.
_GRACE_SECONDS = 60.0
# A disk that is full is not asked more often than this.
_RETRY_SECONDS = 2.0


class Keeper:
    """Owns the catalog. `seal` hands over a generation; everything else happens by itself.

    Args:
        layout: the folder.
        limits: retention and sizes.
        view: where queries look; segments appear there once they are in the catalog.
        worker: pauses between steps.
    """

    def __init__(self, layout: Layout, limits: Limits, view: CurrentView, worker: Worker) -> None:
        self._layout = layout
        self._limits = limits
        self._view = view
        self._worker = worker
        self._filters = FilterMemory(limits.filter_bytes)
        self._catalog = Catalog()
        self._log_covered = 0
        self._wake = threading.Condition()
        self._stopping = False
        self._idle = True
        self._failing = False
        self.committer: Committer | None = None
        self._retired: list[tuple[float, list[Entry]]] = []
        self._thread = threading.Thread(target=self._run, name="nest-keeper", daemon=True)
        self.lost_segments = 0

    @property
    def covered(self) -> int:
        """The last record of the log whose contents are in segments."""
        return self._catalog.covered

    def open(self) -> None:
        """Read the catalog, or rebuild it from the segments; delete what it does not name."""
        try:
            self._catalog = catalog.read(self._layout.catalog)
        except Corrupt as error:
            self._catalog = self._rebuild()
            _log.error("%s; rebuilt from %d segments", error, len(self._catalog.segments))
            catalog.write(self._layout.catalog, self._catalog)
        there = []
        for entry in self._catalog.segments:
            if segment.parquet_path(self._layout.segments, entry.name).exists():
                there.append(entry)
            else:
                self.lost_segments += 1
                called = SHAPES[entry.signal].called
                _log.error("segment %s is missing, its %d %s are lost", entry.name, entry.rows, called)
        self._catalog = Catalog(self._catalog.covered, self._catalog.next_segment, tuple(there))
        self._sweep()
        self._view.change(
            segments=tuple(Segment(self._layout.segments, entry, self._filters) for entry in there)
        )

    def start(self) -> None:
        """Begin to look after the segments."""
        self._thread.start()

    def stop(self) -> None:
        """End after the file that is being written; a generation that is not sealed stays in the log."""
        with self._wake:
            self._stopping = True
            self._wake.notify_all()
        if self._thread.is_alive():
            self._thread.join()

    def seal(self, log_covered: int) -> None:
        """Write the frozen generation as segments; then the log may forget up to `log_covered`."""
        with self._wake:
            self._log_covered = log_covered
            self._idle = False
            self._wake.notify_all()
        if self.committer is not None:
            self.committer.end_file()

    def settle(self) -> None:
        """Wait until nothing is left to seal, merge or drop."""
        with self._wake:
            self._wake.wait_for(lambda: self._idle or self._stopping)

    def _run(self) -> None:
        wait = 0.0
        while True:
            with self._wake:
                self._wake.wait_for(lambda: self._stopping or not self._idle, timeout=wait)
                if self._stopping:
                    return
            done = self._attempt(self._round)
            wait = _ROUND_SECONDS if done else _RETRY_SECONDS
            with self._wake:
                frozen = self._view.now.frozen
                if done and frozen is None:
                    self._idle = True
                    self._wake.notify_all()
                elif not done:
                    self._wake.wait_for(lambda: self._stopping, timeout=_RETRY_SECONDS)

    def _attempt(self, action: Callable[[], None]) -> bool:
        try:
            action()
        except Exception as error:  # noqa: BLE001 - the spans are in the log, and the next attempt may succeed
            if not self._failing:
                _log.error(
                    "cannot write segments, trying again: %s", error, exc_info=not isinstance(error, OSError)
                )
            self._failing = True
            return False
        if self._failing:
            _log.warning("segments can be written again")
        self._failing = False
        return True

    def _round(self) -> None:
        self._worker.begin()
        while self._retired and (self._failing or self._retired[0][0] < time.monotonic()):
            self._delete(self._retired.pop(0)[1])
        # Room first: what is dropped here may be what the next segment needs.
        self._retain()
        frozen = self._view.now.frozen
        if frozen is not None:
            self._seal(frozen)
        readable = [one.entry for one in self._view.now.segments if not one.damaged]
        for group in merge_policy.groups(readable, self._limits):
            if self._stopping:
                return
            # A segment that turns out to be damaged has said so, and is in no group of the next round.
            with suppress(Corrupt):
                self._merge(group)
        self._retain()

    def _seal(self, generation: Generation) -> None:
        number = self._catalog.next_segment
        made: list[Entry] = []
        base = Entry(first_sequence=self.covered + 1, last_sequence=generation.last_sequence)
        for signal in SHAPES:
            if not generation.rows(signal):
                continue
            for owner, table in seal.split(seal.table_of(signal, generation)):
                name = f"{number + len(made):08d}"
                entry = base.replaced(signal=signal, owner=owner)
                self._worker.give_way()
                made.append(segment.write(self._layout.segments, name, table, entry, self._worker.give_way))
        covered = max(self.covered, generation.last_sequence)
        entries = (*self._catalog.segments, *made)
        self._commit(Catalog(covered, number + len(made), entries), frozen=None)
        if self.committer is not None:
            self.committer.drop(self._log_covered)

    def _merge(self, group: list[Entry]) -> None:
        by_name = {one.entry.name: one for one in self._view.now.segments}
        sources = [by_name[entry.name] for entry in group]
        tables = [one.read(sorted(one.names())) for one in sources]
        shape = SHAPES[group[0].signal]
        table = MemoryBlock(pa.concat_tables(tables, promote_options="default"), shape).table
        name = f"{self._catalog.next_segment:08d}"
        merged = Entry(
            signal=group[0].signal,
            first_sequence=min(entry.first_sequence for entry in group),
            last_sequence=max(entry.last_sequence for entry in group),
            sealed_ns=max(entry.sealed_ns for entry in group),
            owner=group[0].owner,
            sources=tuple(entry.name for entry in group),
        )
        self._worker.give_way()
        made = segment.write(self._layout.segments, name, table, merged, self._worker.give_way)
        kept = [entry for entry in self._catalog.segments if entry not in group]
        self._commit(Catalog(self.covered, self._catalog.next_segment + 1, (*kept, made)))
        self._retired.append((time.monotonic() + _GRACE_SECONDS, group))

    def _retain(self) -> None:
        entries = self._catalog.segments
        victims = retention.too_old(entries, time.time_ns(), self._limits.retention_seconds)
        left = [entry for entry in entries if entry not in victims]
        wal_bytes = sum(path.stat().st_size for _, path in wal.files(self._layout.wal))
        victims += retention.too_many(left, max(0, self._limits.disk_bytes - wal_bytes))
        if victims:
            kept = tuple(entry for entry in entries if entry not in victims)
            self._commit(Catalog(self.covered, self._catalog.next_segment, kept))
            self._retired.append((time.monotonic() + _GRACE_SECONDS, victims))

    def _commit(self, new: Catalog, **fields: object) -> None:
        """Make a catalog durable, then visible; segments that stay keep their objects."""
        catalog.write(self._layout.catalog, new)
        self._catalog = new
        known = {one.entry.name: one for one in self._view.now.segments}
        segments = (
            known.get(entry.name) or Segment(self._layout.segments, entry, self._filters)
            for entry in new.segments
        )
        self._view.change(segments=tuple(segments), **fields)

    def _delete(self, entries: list[Entry]) -> None:
        """Readers that have a file open keep it; those that open it later leave it out."""
        for entry in entries:
            segment.parquet_path(self._layout.segments, entry.name).unlink(missing_ok=True)
            segment.summary_path(self._layout.segments, entry.name).unlink(missing_ok=True)

    def _rebuild(self) -> Catalog:
        entries = []
        for path in sorted(self._layout.segments.glob("*.parquet")):
            try:
                entries.append(segment.read_entry(path))
            except Corrupt as error:
                # The log still has what a half-written segment holds.
                _log.error("%s; left out", error)
        return catalog.rebuilt(entries)

    def _sweep(self) -> None:
        live = {entry.name for entry in self._catalog.segments}
        for path in self._layout.segments.iterdir():
            if path.name.partition(".")[0] not in live:
                path.unlink()

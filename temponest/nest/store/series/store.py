"""The one door of the series: add samples, ask for them, keep them within their limits."""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa

from ...model.series import Exemplar, Histogram, Labels, Matcher, Metadata, Series
from ...model.source import CancelCheck, CancelledError, TooManySamplesError
from ..layout import FOLDER_MODE, write_atomically
from . import segment
from .head import STALE, Exemplars, Head, joined, window
from .match import Selector

_log = logging.getLogger("temponest.store")

# A segment is written when the head has this many samples or is this old: rarely enough that files stay few,
# often enough that the log, which keeps what is in no segment, stays short.
_SEAL_SAMPLES = 200_000
_SEAL_SECONDS = 120.0
# More segments than this and neighbours are joined, while together they are not larger than _JOIN_BYTES.
_SEGMENTS = 24
_JOIN_BYTES = 8 * 1024 * 1024
# Series looked at between two questions whether the caller still wants the answer: about a millisecond.
_POLL = 512

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Entry:
    """One segment in the catalog: file name, first and last time in ms, size in bytes."""

    name: str
    start_ms: int
    end_ms: int
    size: int


class SeriesStore:
    """Series in one folder; answers as a `SeriesSource`.

    Args:
        folder: made when absent; one process writes to it, which holds the lock of the store around it.
        disk_bytes: the oldest segments are dropped above this.
        retention_seconds: segments whose newest sample is older are dropped; 0 keeps everything.
    """

    def __init__(self, folder: Path, *, disk_bytes: int, retention_seconds: float) -> None:
        folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self._folder = folder
        self._disk_bytes = disk_bytes
        self._retention_ms = int(retention_seconds * 1000)
        self._guard = threading.RLock()
        self._head = Head()
        self._exemplars = Exemplars()
        self._metadata: dict[str, Metadata] = {}
        self._segments: tuple[Entry, ...] = ()
        self._known: dict[str, dict[Labels, tuple[int, int]]] = {}
        self._next = 1
        self._taken: dict[str, int] = {}
        self._covered: dict[str, int] = {}
        self._sealed_at = time.monotonic()
        self._open()

    def add(self, labels: Labels, time_ms: int, value: float) -> None:
        """Add one sample."""
        with self._guard:
            self._head.add(labels, time_ms, value)

    def add_histogram(self, labels: Labels, time_ms: int, histogram: Histogram) -> None:
        """Add one native histogram sample."""
        with self._guard:
            self._head.add(labels, time_ms, histogram.sum, histogram)

    def end(self, labels: Labels, time_ms: int) -> None:
        """Mark that a series has no value from `time_ms` on."""
        self.add(labels, time_ms, STALE)

    def add_exemplar(self, exemplar: Exemplar) -> None:
        """Keep one exemplar; the oldest of very many make room."""
        with self._guard:
            self._exemplars.add(exemplar)

    def describe(self, name: str, metadata: Metadata) -> None:
        """Say what a metric is."""
        with self._guard:
            self._metadata[name] = metadata

    def took(self, stream: str, sequence: int, samples: Iterable[tuple[Labels, int, float]] = ()) -> None:
        """Note that everything of a stream up to this log record is in the series.

        Args:
            stream: who adds: each has records of its own.
            sequence: the newest record taken.
            samples: labels, time in ms and value of what becomes durable together with the note.
        """
        with self._guard:
            for labels, time_ms, value in samples:
                self._head.add(labels, time_ms, value)
            self._taken[stream] = sequence

    def covered(self, stream: str) -> int:
        """Sequence of the newest log record of a stream whose samples are in a segment; 0 at first."""
        return self._covered.get(stream, 0)

    def select(
        self,
        matchers: Sequence[Matcher],
        start_ms: int,
        end_ms: int,
        cancelled: CancelCheck,
        most: int = sys.maxsize,
    ) -> list[Series]:
        """See `SeriesSource.select`."""
        while True:
            try:
                return self._select(Selector(matchers), start_ms, end_ms, cancelled, most)
            except FileNotFoundError:
                # Joined or dropped after the list was taken; the new list names what replaced it.
                continue

    def _select(
        self, selector: Selector, start_ms: int, end_ms: int, cancelled: CancelCheck, most: int
    ) -> list[Series]:
        with self._guard:
            entries = self._overlapping(start_ms, end_ms)
            known = [(entry, self._known[entry.name]) for entry in entries]
            head = [
                window(series, start_ms, end_ms)
                for labels, series in self._head.series.items()
                if selector.matches(labels)
            ]
        parts: dict[Labels, list[Series]] = {}
        read = 0
        for entry, labels_of in known:
            wanted = [labels for labels in _polling(labels_of, cancelled) if selector.matches(labels)]
            if wanted:
                found = segment.read(self._folder / entry.name, wanted, start_ms, end_ms)
                for labels, series in found.items():
                    parts.setdefault(labels, []).append(series)
                    read += len(series.times)
            if read > most:
                raise TooManySamplesError
        for series in head:
            parts.setdefault(series.labels, []).append(series)
        whole = (
            found[0] if len(found) == 1 else joined(found) for found in _polling(parts.values(), cancelled)
        )
        return sorted((series for series in whole if series.times), key=lambda series: series.labels)

    def series(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, cancelled: CancelCheck
    ) -> list[Labels]:
        """See `SeriesSource.series`."""
        selector = Selector(matchers)
        with self._guard:
            known = [self._known[entry.name] for entry in self._overlapping(start_ms, end_ms)]
            head = [(labels, (one.times[0], one.times[-1])) for labels, one in self._head.series.items()]
        found: set[Labels] = set()
        for times in (*(one.items() for one in known), head):
            for labels, (first, last) in _polling(times, cancelled):
                if first <= end_ms and last >= start_ms and labels not in found and selector.matches(labels):
                    found.add(labels)
        return sorted(found)

    def exemplars(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, cancelled: CancelCheck
    ) -> list[Exemplar]:
        """See `SeriesSource.exemplars`."""
        selector = Selector(matchers)
        with self._guard:
            kept = list(self._exemplars.kept)
        found = [
            exemplar
            for exemplar in _polling(kept, cancelled)
            if start_ms <= exemplar.time_ms <= end_ms and selector.matches(exemplar.series)
        ]
        return sorted(found, key=lambda exemplar: (exemplar.series, exemplar.time_ms))

    def metadata(self) -> dict[str, Metadata]:
        """See `SeriesSource.metadata`."""
        with self._guard:
            return dict(self._metadata)

    @property
    def disk_bytes(self) -> int:
        """Bytes of all segments."""
        return sum(entry.size for entry in self._segments)

    def persist(self) -> None:
        """Write the head as a segment when it is large or old enough, then join and drop segments."""
        age = time.monotonic() - self._sealed_at
        with self._guard:
            if self._head.samples < _SEAL_SAMPLES and age < _SEAL_SECONDS:
                return
        self.seal()

    def seal(self) -> None:
        """Write the head as a segment now."""
        with self._guard:
            series = list(self._head.series.values())
            self._sealed_at = time.monotonic()
            entries = self._segments
            if series:
                entries = (*entries, self._write(series))
                self._head = Head()
            self._covered = dict(self._taken)
            self._replace(self._retained(self._joined(entries)))

    def _open(self) -> None:
        catalog = self._folder / "catalog.json"
        if catalog.exists():
            content = json.loads(catalog.read_text())
            self._taken, self._covered = dict(content["covered"]), dict(content["covered"])
            self._metadata = {name: Metadata(**item) for name, item in content["metadata"].items()}
            for item in content["exemplars"]:
                self._exemplars.add(
                    Exemplar(segment.decode_labels(item[0]), segment.decode_labels(item[1]), item[2], item[3])
                )
            self._segments = tuple(
                entry for entry in (Entry(**item) for item in content["segments"]) if self._usable(entry)
            )
            self._next = content["next"]
        named = {entry.name for entry in self._segments} | {"catalog.json"}
        for path in self._folder.iterdir():
            if path.name not in named and path.suffix in {".parquet", ".tmp"}:
                path.unlink()

    def _usable(self, entry: Entry) -> bool:
        try:
            self._known[entry.name] = segment.labels_of(self._folder / entry.name)
        except (OSError, pa.ArrowException, ValueError) as error:
            _log.error("series segment %s cannot be read, its samples are lost: %s", entry.name, error)
            return False
        return True

    def _overlapping(self, start_ms: int, end_ms: int) -> list[Entry]:
        return [entry for entry in self._segments if entry.start_ms <= end_ms and entry.end_ms >= start_ms]

    def _write(self, series: Sequence[Series]) -> Entry:
        name = f"{self._next:08d}.parquet"
        self._next += 1
        path = self._folder / name
        segment.write(path, series)
        self._known[name] = {one.labels: (one.times[0], one.times[-1]) for one in series}
        first, last = (min(one.times[0] for one in series), max(one.times[-1] for one in series))
        return Entry(name, first, last, path.stat().st_size)

    def _joined(self, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        """Replace the two smallest neighbours by one segment while there are too many."""
        while len(entries) > _SEGMENTS:
            sizes = [one.size + other.size for one, other in pairwise(entries)]
            at = sizes.index(min(sizes))
            if sizes[at] > _JOIN_BYTES:
                break
            parts: dict[Labels, list[Series]] = {}
            for entry in entries[at : at + 2]:
                found = segment.read(self._folder / entry.name, None, entry.start_ms, entry.end_ms)
                for labels, series in found.items():
                    parts.setdefault(labels, []).append(series)
            entries = (
                *entries[:at],
                self._write([joined(one) for one in parts.values()]),
                *entries[at + 2 :],
            )
        return entries

    def _retained(self, entries: tuple[Entry, ...]) -> tuple[Entry, ...]:
        oldest = int(time.time() * 1000) - self._retention_ms if self._retention_ms else 0
        kept = [entry for entry in entries if entry.end_ms >= oldest]
        while kept and sum(entry.size for entry in kept) > self._disk_bytes:
            kept.remove(min(kept, key=lambda entry: entry.end_ms))
        return tuple(kept)

    def _replace(self, entries: tuple[Entry, ...]) -> None:
        content = {
            "covered": self._covered,
            "next": self._next,
            "segments": [asdict(entry) for entry in entries],
            "metadata": {name: asdict(item) for name, item in self._metadata.items()},
            "exemplars": [_encode(item) for item in self._exemplars.kept],
        }
        write_atomically(self._folder / "catalog.json", json.dumps(content).encode())
        self._segments = entries
        for name in self._known.keys() - {entry.name for entry in entries}:
            del self._known[name]
            (self._folder / name).unlink(missing_ok=True)


def _polling(items: Iterable[_T], cancelled: CancelCheck) -> Iterator[_T]:
    """The items, as long as the caller wants the answer."""
    for index, item in enumerate(items):
        if index % _POLL == 0 and cancelled():
            raise CancelledError
        yield item


def _encode(exemplar: Exemplar) -> tuple[str, str, float, int]:
    labels = (segment.encode_labels(exemplar.series), segment.encode_labels(exemplar.labels))
    return (*labels, exemplar.value, exemplar.time_ms)


def _decode(item: Sequence[Any]) -> Exemplar:
    series, labels, value, time_ms = item
    return Exemplar(segment.decode_labels(series), segment.decode_labels(labels), value, time_ms)

"""Which segments there are and what the log may forget: one file. See docs/format/catalog.md."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from ..model.signal import Signal
from .errors import Corrupt
from .layout import write_atomically

_MAGIC = b"NESTCAT1 "


@dataclass(frozen=True, slots=True)
class Entry:
    """A live segment.

    Attributes:
        name: of its files, without suffix.
        signal: whether it holds spans or log records.
        rows: spans or log records in it.
        bytes: of its files.
        start_min: least start of a span or time of a log record, nanoseconds.
        start_max: greatest one.
        first_sequence: first record of the log whose contents are in it.
        last_sequence: last one.
        sealed_ns: when it was sealed; of merged segments the newest.
        owner: the service it belongs to, when one made nearly all of it; else "".
        sources: the segments it replaces, when it was merged.
    """

    name: str = ""
    signal: Signal = Signal.TRACES
    rows: int = 0
    bytes: int = 0
    start_min: int = 0
    start_max: int = 0
    first_sequence: int = 0
    last_sequence: int = 0
    sealed_ns: int = 0
    owner: str = ""
    sources: tuple[str, ...] = ()

    def replaced(self, **changes: Any) -> Entry:
        """A copy with some fields changed."""
        return replace(self, **changes)

    def as_json(self) -> dict[str, Any]:
        """The entry as JSON types."""
        return asdict(self)

    @classmethod
    def from_json(cls, found: dict[str, Any]) -> Entry:
        """The entry from JSON types; fields of later versions are ignored."""
        known = {field.name for field in fields(cls)}
        entry = cls(**{name: value for name, value in found.items() if name in known})
        return entry.replaced(sources=tuple(entry.sources), signal=Signal(entry.signal))


@dataclass(frozen=True, slots=True)
class Catalog:
    """The state of a store at one moment.

    Attributes:
        covered: the last record of the log whose contents are in segments.
        next_segment: number of the next segment; numbers are never used twice.
        segments: the live ones, in the order they were sealed.
    """

    covered: int = 0
    next_segment: int = 1
    segments: tuple[Entry, ...] = ()


def write(path: Path, catalog: Catalog) -> None:
    """Replace the catalog file."""
    text = json.dumps(asdict(catalog), separators=(",", ":")).encode()
    write_atomically(path, _MAGIC + b"%08x\n" % zlib.crc32(text) + text)


def read(path: Path) -> Catalog:
    """The catalog in a file, an empty one when there is no file.

    Raises:
        Corrupt: the file is not what was written.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return Catalog()
    head, _, text = content.partition(b"\n")
    if head != _MAGIC + b"%08x" % zlib.crc32(text):
        raise Corrupt(path, 0, "bad checksum")
    found = json.loads(text)
    entries = tuple(map(Entry.from_json, found["segments"]))
    return Catalog(found["covered"], found["next_segment"], entries)


def rebuilt(entries: list[Entry]) -> Catalog:
    """A catalog from the entries that segment files carry themselves, when the catalog file is lost."""
    replaced = {source for entry in entries for source in entry.sources}
    live = sorted((entry for entry in entries if entry.name not in replaced), key=lambda entry: entry.name)
    return Catalog(
        covered=max((entry.last_sequence for entry in live), default=0),
        next_segment=max((int(entry.name) for entry in entries), default=0) + 1,
        segments=tuple(live),
    )

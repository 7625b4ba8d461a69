"""Reading the write-ahead log back: every record up to the first tear of each file."""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from .wal import files
from .wal_record import FILE_MAGIC, Record, parse


@dataclass(frozen=True, slots=True)
class Tear:
    """Where a log file stopped making sense; everything before `offset` was read."""

    path: Path
    offset: int
    lost_bytes: int
    reason: str


def read(folder: Path, after: int, tears: list[Tear]) -> Iterator[Record]:
    """Records with sequences above `after`, in order; tears are added to `tears` as they are met.

    A process that dies leaves at most one tear, at the end of its last file, where nothing was acknowledged.
    Later files are read all the same: they belong to later processes.
    """
    every = files(folder)
    for index, (_, path) in enumerate(every):
        if index + 1 < len(every) and every[index + 1][0] <= after + 1:
            continue
        yield from (record for record in _read_file(path, tears) if record.sequence > after)


def _read_file(path: Path, tears: list[Tear]) -> Iterator[Record]:
    size = path.stat().st_size
    if size == 0:
        return
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content[: len(FILE_MAGIC)] != FILE_MAGIC:
            tears.append(Tear(path, 0, size, "not a log file"))
            return
        offset = len(FILE_MAGIC)
        with memoryview(content) as view:
            while offset < size:
                found = parse(view, offset)
                if isinstance(found, str):
                    tears.append(Tear(path, offset, size - offset, found))
                    return
                record, offset = found
                yield record

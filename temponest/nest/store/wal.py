"""The write-ahead log: appended in groups, synced once a group, rotated by size, deleted file by file."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence
from pathlib import Path

from ..model.signal import Signal
from .layout import FILE_MODE, sync_folder
from .wal_record import FILE_MAGIC, header

# Linux takes at most 1,024 buffers in one writev; a record is two.
_BUFFERS = 1000


def file_name(first_sequence: int) -> str:
    """The name of the log file that begins with a sequence; names sort like sequences."""
    return f"{first_sequence:020d}.log"


def files(folder: Path) -> list[tuple[int, Path]]:
    """Files of the log with their first sequences, oldest first; other files are ignored."""
    found = [(int(path.stem), path) for path in folder.glob("*.log") if path.stem.isdigit()]
    return sorted(found)


def size(folder: Path) -> int:
    """Bytes of all log files; one that is deleted meanwhile counts nothing."""
    total = 0
    for _, path in files(folder):
        with contextlib.suppress(FileNotFoundError):
            total += path.stat().st_size
    return total


class WriteAheadLog:
    """The writing end. One thread writes; nothing is written into a file that an earlier process wrote."""

    def __init__(self, folder: Path, next_sequence: int, file_bytes: int) -> None:
        self._folder = folder
        self._file_bytes = file_bytes
        self._handle = -1
        self._size = 0
        self.next_sequence = next_sequence

    def append(self, bodies: Sequence[tuple[Signal, bytes]]) -> int:
        """Write bodies and make them durable; return the sequence of the first.

        Raises:
            OSError: nothing of the group is in the log; the next call may try again.
        """
        first = self.next_sequence
        buffers: list[bytes] = []
        for sequence, (signal, body) in enumerate(bodies, first):
            buffers += (header(sequence, signal, body), body)
        if self._handle < 0 or self._size >= self._file_bytes:
            self.rotate()
        size = sum(map(len, buffers))
        try:
            for index in range(0, len(buffers), _BUFFERS):
                self._write(buffers[index : index + _BUFFERS])
            os.fdatasync(self._handle)
        except OSError:
            # A half-written group would look like a tear and hide what is appended after it.
            os.ftruncate(self._handle, self._size)
            os.lseek(self._handle, self._size, os.SEEK_SET)
            raise
        self._size += size
        self.next_sequence = first + len(bodies)
        return first

    def rotate(self) -> None:
        """Close the file and begin another that starts with the next sequence."""
        self.close()
        path = self._folder / file_name(self.next_sequence)
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
        try:
            self._write([FILE_MAGIC])
            os.fsync(self._handle)
            sync_folder(self._folder)
        except OSError:
            self.close()
            path.unlink(missing_ok=True)
            raise
        self._size = len(FILE_MAGIC)

    def drop(self, covered: int) -> None:
        """Delete the files that hold nothing newer than `covered`; the one being written stays."""
        every = files(self._folder)
        followers = [first for first, _ in every[1:]]
        if self._handle < 0:
            followers.append(self.next_sequence)
        for (_, path), following in zip(every, followers, strict=False):
            if following <= covered + 1:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """End the file; the next append begins another. What was appended is durable already."""
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def _write(self, buffers: Sequence[bytes]) -> None:
        views = [memoryview(buffer) for buffer in buffers if buffer]
        while views:
            written = os.writev(self._handle, views)
            while views and written >= len(views[0]):
                written -= len(views.pop(0))
            if views:
                views[0] = views[0][written:]

"""Names of everything in a store's folder, its format version, and its lock. See docs/format/."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from .errors import Held, Newer

# 2: segments of log records beside those of spans.
FORMAT = 2
FOLDER_MODE = 0o700
FILE_MODE = 0o600


class Layout:
    """The paths inside one folder: `format`, `lock`, `catalog`, `log/`, `segments/`, `aside/`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.format = folder / "format"
        self.lock = folder / "lock"
        self.catalog = folder / "catalog"
        self.wal = folder / "log"
        self.segments = folder / "segments"
        self.aside = folder / "aside"

    def take(self) -> FolderLock:
        """Lock the folder and make what is missing in it.

        Raises:
            Newer: the folder was written by a newer TempoNest; nothing was touched.
            Held: another process has it; nothing but the folder was made.
        """
        self._check_format()
        self._make(self.folder)
        lock = FolderLock(self.lock)
        try:
            self._check_format()
            self._create()
        except BaseException:
            lock.release()
            raise
        return lock

    def _check_format(self) -> None:
        if self.format.exists():
            found = int(self.format.read_text().strip() or 0)
            if found > FORMAT:
                raise Newer(self.folder, found, FORMAT)

    def _create(self) -> None:
        for path in (self.wal, self.segments, self.aside):
            self._make(path)
        if not self.format.exists() or int(self.format.read_text().strip() or 0) < FORMAT:
            write_atomically(self.format, f"{FORMAT}\n".encode())

    def _make(self, path: Path) -> None:
        path.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        path.chmod(FOLDER_MODE)


class FolderLock:
    """The right to write in a folder, held until `release` or the end of the process.

    Raises:
        Held: another process has it; the message names its process id.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.read(self._file, 32).decode("ascii", "replace").strip() or "?"
            os.close(self._file)
            raise Held(path.parent, holder) from None
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, f"{os.getpid()}\n".encode(), 0)

    def release(self) -> None:
        """Give the folder back. The file stays: deleting it would let two processes lock two files."""
        if self._file >= 0:
            os.ftruncate(self._file, 0)
            os.close(self._file)
            self._file = -1


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def write_atomically(path: Path, content: bytes) -> None:
    """Replace a file so that a crash leaves either the old or the new content, never a mixture."""
    draft = path.with_name(path.name + ".tmp")
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
    try:
        view = memoryview(content)
        while view:
            view = view[os.write(handle, view) :]
        os.fsync(handle)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    finally:
        os.close(handle)
    draft.replace(path)
    sync_folder(path.parent)

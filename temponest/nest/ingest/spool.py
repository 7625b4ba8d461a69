"""The parts of a large request while they wait for room in the store: on disk, where they take no memory."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Self

from .errors import Refused, busy

_LENGTH = struct.Struct("<I")


class Spool:
    """A file without a name, gone at the end of a `with` block or of the process.

    Args:
        folder: on whose disk it is.

    Raises:
        Refused: the disk is full, here or later on.
    """

    def __init__(self, folder: Path) -> None:
        try:
            self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        except OSError as error:
            raise _full(error) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        # Closing writes what is left to write; where that fails nobody needs it any more.
        with suppress(OSError):
            self._file.close()

    def add(self, part: bytes) -> None:
        """Write one part behind those before it."""
        try:
            self._file.write(_LENGTH.pack(len(part)))
            self._file.write(part)
        except OSError as error:
            raise _full(error) from None

    def __iter__(self) -> Iterator[bytes]:
        """The parts in their order, one in memory at a time."""
        try:
            self._file.seek(0)
        except OSError as error:
            raise _full(error) from None
        while length := self._file.read(_LENGTH.size):
            yield self._file.read(*_LENGTH.unpack(length))


def _full(error: OSError) -> Refused:
    return busy(f"no room on disk for a large request: {error}; try again", 5.0, "disk")

"""All files of a plan are written, or none of them."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path

from .plan import Change


class ChangedError(Exception):
    """A file is no longer what was shown; nothing was written."""


def write(changes: list[Change]) -> None:
    """Replace each file in one step; permissions stay.

    Raises:
        ChangedError: a file was changed since it was read.
        OSError: a folder cannot be written to; nothing was written.
    """
    ready: list[tuple[Path, Path]] = []
    try:
        for change in changes:
            if change.path.read_bytes() != change.before:
                raise ChangedError(f"{change.name} was changed meanwhile. Run temponest init again")
            ready.append((_beside(change), change.path))
        for new, path in ready:
            new.replace(path)
    finally:
        for new, _ in ready:
            new.unlink(missing_ok=True)


def _beside(change: Change) -> Path:
    """The new content in a file of the same folder, on disk."""
    handle, name = tempfile.mkstemp(dir=change.path.parent, prefix=f".{change.path.name}.")
    path = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(change.after)
            file.flush()
            os.fsync(file.fileno())
        shutil.copymode(change.path, path)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    return path

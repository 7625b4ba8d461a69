"""What a store refuses, and what it finds broken. Each message says where, what, and what to do."""

from __future__ import annotations

from pathlib import Path


class StoreError(Exception):
    """Base of everything the store raises on purpose."""


class Full(StoreError):  # noqa: N818 - receivers map it to 429 and UNAVAILABLE, it is a state and no defect
    """The store takes nothing more for now: answer 429 or UNAVAILABLE and let the sender retry.

    Attributes:
        retry_after: seconds after which trying again makes sense.
        cause: what is full, in a word: `queue`, `share` (of one service in the queue) or `disk`.
    """

    def __init__(self, reason: str, retry_after: float = 1.0, cause: str = "queue") -> None:
        super().__init__(reason)
        self.retry_after = retry_after
        self.cause = cause


class Held(StoreError):  # noqa: N818 - the state of a folder, as above
    """Another process has the folder open for writing."""

    def __init__(self, folder: Path, pid: str) -> None:
        super().__init__(
            f"{folder} is in use by process {pid}; stop it, or choose another folder with --data"
        )


class Newer(StoreError):  # noqa: N818 - the state of a folder, as above
    """The folder was written by a newer TempoNest."""

    def __init__(self, folder: Path, found: int, known: int) -> None:
        super().__init__(
            f"{folder} has format {found}, this TempoNest reads up to {known}; "
            "update TempoNest, or choose another folder with --data"
        )


class Corrupt(StoreError):  # noqa: N818 - the state of a file, as above
    """A file does not hold what was written to it.

    Attributes:
        path: the file.
        offset: first byte that is wrong.
    """

    def __init__(self, path: Path, offset: int, reason: str) -> None:
        super().__init__(f"{path} at byte {offset}: {reason}")
        self.path = path
        self.offset = offset


class Closed(StoreError):  # noqa: N818 - the state of the store, as above
    """The store was closed."""

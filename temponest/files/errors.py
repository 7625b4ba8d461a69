"""What is wrong with a file, and where."""

from __future__ import annotations


class FileError(Exception):
    """A file cannot be read, written or sent; the message names the place.

    Args:
        where: the file and the line, message or row.
        message: what was found and what was wanted.
    """

    def __init__(self, where: str, message: str) -> None:
        super().__init__(f"{where}: {message}")

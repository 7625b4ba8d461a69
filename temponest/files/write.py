"""Requests into a file: its name says the format, and whether gzip compresses it."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol

from google.protobuf.message import Message

from . import frames, otlp_json
from .errors import FileError

FORMATS = ("json", "protobuf", "parquet")
_BY_SUFFIX = {".pb": "protobuf", ".binpb": "protobuf", ".otlp": "protobuf", ".parquet": "parquet"}


class Writer(Protocol):
    """Where requests go."""

    def write(self, request: Message) -> None:
        """Write one request."""
        ...


@contextmanager
def writing(path: Path, signal: str, form: str | None) -> Iterator[Writer]:
    """A writer of a file, which has its name only once it is whole.

    Args:
        path: the file; `-` is standard output.
        signal: `traces`, `metrics` or `logs`.
        form: one of `FORMATS`; None for what the name says.

    Raises:
        FileError: it cannot be written, or its name wants Parquet in gzip.
    """
    compressed = path.suffix == ".gz"
    form = form or _BY_SUFFIX.get(path.with_suffix("").suffix if compressed else path.suffix, "json")
    if compressed and form == "parquet":
        raise FileError(str(path), "Parquet is compressed already; leave out .gz")
    with _named(path) as out:
        if compressed:
            # The same content is the same file, whenever it is written.
            with gzip.GzipFile(filename="", mode="wb", fileobj=out, mtime=0) as packed:
                yield _Lines(packed) if form == "json" else _Frames(packed)
        elif form == "parquet":
            # Loads Arrow, which nothing else here needs.
            from .tables import Writer as Rows

            rows = Rows(out, signal)
            yield rows
            rows.close()
        else:
            yield _Lines(out) if form == "json" else _Frames(out)


class _Lines:
    def __init__(self, out: IO[bytes] | gzip.GzipFile) -> None:
        self._out = out

    def write(self, request: Message) -> None:
        self._out.write(otlp_json.line(request))


class _Frames:
    def __init__(self, out: IO[bytes] | gzip.GzipFile) -> None:
        self._out = out

    def write(self, request: Message) -> None:
        self._out.write(frames.frame(request.SerializeToString()))


@contextmanager
def _named(path: Path) -> Iterator[IO[bytes]]:
    if str(path) == "-":
        with open(sys.stdout.fileno(), "wb", closefd=False) as out:
            yield out
        return
    draft = path.with_name(f"{path.name}.part")
    try:
        with draft.open("wb") as out:
            yield out
        draft.replace(path)
    except OSError as error:
        raise FileError(str(path), f"it cannot be written ({error.strerror})") from None
    finally:
        draft.unlink(missing_ok=True)

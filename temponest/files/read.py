"""Requests out of a file, whatever its format: that is told from its first bytes."""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from io import BufferedReader, BytesIO
from pathlib import Path
from typing import IO

from . import frames, otlp_json
from .errors import FileError
from .signal import signal_of

_GZIP, _PARQUET, _ZSTD = b"\x1f\x8b", b"PAR1", b"\x28\xb5\x2f\xfd"

# A longer line goes as protobuf: receivers take less of JSON.
_MOST_JSON = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Read:
    """One request of a file.

    Attributes:
        where: its place, for errors.
        signal: `traces`, `metrics` or `logs`.
        body: as a receiver takes it.
        json: whether that is JSON; otherwise protobuf.
    """

    where: str
    signal: str
    body: bytes
    json: bool


def read(path: Path, signal: str | None) -> Iterator[Read]:
    """The requests of a file, one after the other.

    Args:
        path: the file; `-` is standard input.
        signal: what protobuf holds; None tells it from the content.

    Raises:
        FileError: it holds something else, or ends too early.
        OSError: it cannot be read.
    """
    standard = str(path) == "-"
    name = "standard input" if standard else str(path)
    with ExitStack() as stack:
        where: int | Path = sys.stdin.fileno() if standard else path
        file = stack.enter_context(open(where, "rb", closefd=not standard))
        compressed = file.peek(16)[:2] == _GZIP
        if compressed:
            file = BufferedReader(stack.enter_context(gzip.GzipFile(fileobj=file)))
        try:
            head = file.peek(16)[:16]
            if head[:4] == _PARQUET:
                if standard or compressed:
                    raise FileError(name, _not_from_here(standard=standard))
                yield from _rows(path)
            else:
                yield from _requests(file, head, name, signal)
        except EOFError:
            raise FileError(name, "the file is cut off: what gzip compressed does not end") from None
        except (gzip.BadGzipFile, zlib.error) as error:
            raise FileError(name, f"what gzip compressed is damaged ({error})") from None


def _not_from_here(*, standard: bool) -> str:
    if standard:
        return "Parquet cannot be read from there; give the file's name"
    return "Parquet cannot be read out of gzip; gunzip it first"


def _requests(file: BufferedReader, head: bytes, name: str, signal: str | None) -> Iterator[Read]:
    if not head:
        raise FileError(name, "the file is empty")
    if head[:4] == _ZSTD:
        raise FileError(name, "compressed by zstd; pipe it: zstd -dc FILE | temponest import -")
    if head.lstrip()[:1] in (b"{", b"["):
        yield from _lines(file, name)
        return
    for where, body in frames.messages(file, name):
        if body[:1] == b"{":
            # The Collector's file exporter frames JSON, too, where it compresses it.
            yield from _lines(BytesIO(body), where)
            continue
        # One file has one signal; its first message that says something tells it.
        signal = signal or signal_of(body, where)
        if signal:
            yield Read(where, signal, body, json=False)


def _lines(file: IO[bytes], name: str) -> Iterator[Read]:
    for where, kind, text in otlp_json.requests(file, name):
        try:
            small = len(text) <= _MOST_JSON
            yield Read(where, kind, text if small else otlp_json.protobuf(kind, text), small)
        except ValueError as error:
            raise FileError(where, f"no OTLP request ({error})") from None


def _rows(path: Path) -> Iterator[Read]:
    # Loads Arrow, which nothing else here needs.
    from . import tables

    for where, kind, request in tables.requests(path):
        yield Read(where, kind, request.SerializeToString(), json=False)

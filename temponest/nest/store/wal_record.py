"""How one body is framed in the write-ahead log. Pure: bytes in, bytes out. See docs/format/wal.md."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass

from ..model.signal import Signal

FILE_MAGIC = b"NESTLOG1"
# length of the body, checksum of everything after these eight bytes, sequence, signal
HEADER = struct.Struct("<IIQB")
_CHECKED = struct.Struct("<QB")
_PREFIX = HEADER.size - _CHECKED.size
# Larger than any body a receiver admits (64 MiB after inflation): a length above it is damage.
MAX_BODY = 256 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Record:
    """One acknowledged body; sequences ascend by one over all files of a log."""

    sequence: int
    signal: Signal
    body: bytes


def header(sequence: int, signal: Signal, body: bytes) -> bytes:
    """The bytes that precede a body in the file."""
    checked = _CHECKED.pack(sequence, signal)
    return struct.pack("<II", len(body), zlib.crc32(body, zlib.crc32(checked))) + checked


def parse(buffer: bytes | memoryview, offset: int) -> tuple[Record, int] | str:
    """The record at `offset` with the offset after it, or in a word why there is none."""
    if len(buffer) - offset < HEADER.size:
        return "torn header"
    length, checksum, sequence, signal = HEADER.unpack_from(buffer, offset)
    start = offset + HEADER.size
    if length > MAX_BODY:
        return "impossible length"
    if len(buffer) - start < length:
        return "torn body"
    if zlib.crc32(memoryview(buffer)[offset + _PREFIX : start + length]) != checksum:
        return "bad checksum"
    if signal not in Signal.__members__.values():
        return "unknown signal"
    return Record(sequence, Signal(signal), bytes(buffer[start : start + length])), start + length

"""OTLP in a file of messages with their length before them, or one message alone.

Written as the Collector's file exporter does, four bytes of length, most significant first. Read also with
the length as a varint, as protobuf's own `writeDelimitedTo` does, and with each message compressed by zstd,
as the file exporter does where it is told to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BufferedReader
from typing import TypeAlias

import zstandard

from .errors import FileError
from .otlp_json import MOST_BYTES

_Length: TypeAlias = Callable[[BufferedReader, str], int]

_LENGTH_BYTES = 4
# Every OTLP request begins with its field 1.
_FIRST = 0x0A
_ZSTD = b"\x28\xb5\x2f\xfd"


def frame(message: bytes) -> bytes:
    """A message with its length."""
    return len(message).to_bytes(_LENGTH_BYTES, "big") + message


def messages(file: BufferedReader, name: str) -> Iterator[tuple[str, bytes]]:
    """Place and bytes of each message.

    Raises:
        FileError: the file ends in a message, or is something else.
    """
    head = file.peek(16)[:16]
    # A length below 16 MiB begins with a zero byte, which neither a varint nor a message does.
    if head[:1] <= b"\x03" and head[_LENGTH_BYTES : _LENGTH_BYTES + 4] == _ZSTD:
        yield from ((where, _unpacked(one, where)) for where, one in _framed(file, name, _fixed))
    elif head[:1] <= b"\x03" and head[_LENGTH_BYTES : _LENGTH_BYTES + 1] in (b"", b"\x0a"):
        yield from _framed(file, name, _fixed)
    elif head[0] != _FIRST or _delimited(head):
        yield from _framed(file, name, _varint)
    else:
        whole = file.read(MOST_BYTES + 1)
        if len(whole) > MOST_BYTES:
            raise FileError(name, f"one message of more than {MOST_BYTES >> 20} MiB; write several")
        yield name, whole


def _unpacked(message: bytes, where: str) -> bytes:
    try:
        with zstandard.ZstdDecompressor().stream_reader(message) as stream:
            found = stream.read(MOST_BYTES + 1)
    except zstandard.ZstdError as error:
        raise FileError(where, f"what zstd compressed is damaged ({error})") from None
    if len(found) > MOST_BYTES:
        raise FileError(where, f"the message has more than {MOST_BYTES >> 20} MiB")
    return found


def _delimited(head: bytes) -> bool:
    """Whether what begins with a 10 is a message of ten bytes behind its length."""
    return len(head) > 11 and head[1] == _FIRST and head[11] == _FIRST


def _framed(file: BufferedReader, name: str, length: _Length) -> Iterator[tuple[str, bytes]]:
    number = 0
    while file.peek(1):
        number += 1
        where = f"{name}, message {number}"
        size = length(file, where)
        if size > MOST_BYTES:
            raise FileError(
                where, f"a length of {size:,} bytes; is this OTLP protobuf? At most {MOST_BYTES:,} are taken"
            )
        message = file.read(size)
        if len(message) < size:
            raise FileError(where, f"the file ends after {len(message):,} of its {size:,} bytes")
        yield where, message


def _fixed(file: BufferedReader, where: str) -> int:
    size = file.read(_LENGTH_BYTES)
    if len(size) < _LENGTH_BYTES:
        raise FileError(where, "the file ends in its length")
    return int.from_bytes(size, "big")


def _varint(file: BufferedReader, where: str) -> int:
    result = shift = 0
    while shift < 35:
        byte = file.read(1)
        if not byte:
            raise FileError(where, "the file ends in its length")
        result |= (byte[0] & 0x7F) << shift
        if byte[0] < 0x80:
            return result
        shift += 7
    raise FileError(where, "no length; is this OTLP protobuf?")

"""Protocol Buffers wire format: the few shapes that OTLP messages are made of, as pure functions.

See https://protobuf.dev/programming-guides/encoding/. Field tags are passed as ready bytes, because a
tag is a constant of the caller and encoding it again for every record is work for nothing.
"""

from __future__ import annotations

import struct

VARINT, FIXED64, LENGTH, FIXED32 = 0, 1, 2, 5
"""Wire types (the low three bits of a tag)."""

_ONE_BYTE = tuple(bytes((n,)) for n in range(128))

double: struct.Struct = struct.Struct("<d")
fixed64: struct.Struct = struct.Struct("<Q")


def varint(number: int) -> bytes:
    """An unsigned integer as a base-128 varint; a negative one as the 64-bit two's complement.

    Args:
        number: from -2**63 to 2**64 - 1.
    """
    if 0 <= number < 128:
        return _ONE_BYTE[number]
    if number < 0:
        number += 1 << 64
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    out.append(number)
    return bytes(out)


def tag(field: int, wire_type: int) -> bytes:
    """The bytes in front of every field's value."""
    return varint(field << 3 | wire_type)


def message(tag: bytes, body: bytes) -> bytes:
    """A length-delimited field: an embedded message, or bytes. Written when empty too."""
    size = len(body)
    return tag + (_ONE_BYTE[size] if size < 128 else varint(size)) + body


def text(tag: bytes, value: str) -> bytes:
    """A string field; nothing for the empty string, which is proto3's default.

    Lone surrogates, which UTF-8 cannot carry, become question marks: losing a character is better than
    losing the record.
    """
    return message(tag, value.encode("utf-8", "replace")) if value else b""


def unsigned(tag: bytes, value: int) -> bytes:
    """A varint field; nothing for zero, which is proto3's default."""
    return tag + varint(value) if value else b""

"""The one piece of protobuf's wire format that replies need: wrapping encoded messages in a field."""

from __future__ import annotations


def length_delimited(field: int, payload: bytes) -> bytes:
    """Field `field` (below 16) holding an encoded message."""
    head = bytearray([field << 3 | 2])
    length = len(payload)
    while length > 0x7F:
        head.append(length & 0x7F | 0x80)
        length >>= 7
    head.append(length)
    return bytes(head) + payload

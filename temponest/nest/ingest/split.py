"""A large request as several small ones, so that no step after it has to hold a large one at once.

The three requests of OTLP are alike where it matters: field 1 of a request is what one resource produced;
there field 1 is the resource and field 2 what one scope produced; there field 1 is the scope and field 2 a
record. Each part carries its resource and scope again.
"""

from __future__ import annotations

from collections.abc import Iterator

from .errors import malformed

# Walking a field costs a microsecond, and a field may be as small as two bytes: whoever sends more of them
# than this in one request sends something else than telemetry.
MOST_FIELDS = 1_000_000

_DEPTH = 2
_CONTENT = (1, 2, 2)


def split(body: bytes | bytearray, limit: int) -> Iterator[bytes]:
    """The request in parts of at most `limit` bytes, where a single record is not larger by itself.

    Raises:
        Refused: it is no protobuf message, or has too many fields.
    """
    walk = _Walk(body, limit)
    return walk.parts(0, len(body), 0)


class _Walk:
    def __init__(self, body: bytes | bytearray, limit: int) -> None:
        self._body = body
        self._limit = limit
        self._left = MOST_FIELDS

    def parts(self, begin: int, end: int, depth: int) -> Iterator[bytes]:
        """The message between two positions as parts of the same kind."""
        own = bytearray()
        # Where parts begin and end rather than where fields do: of those there may be a million.
        plan: list[tuple[int, int, bool]] = []
        first = last = begin
        for number, at, value, stop in self._fields(begin, end):
            if number != _CONTENT[depth]:
                own += self._body[at:stop]
                continue
            deep = depth < _DEPTH and stop - at > self._limit
            if last > first and (deep or at != last or stop - first > self._limit):
                plan.append((first, last, False))
                first = last
            if deep:
                plan.append((value, stop, True))
                first = last = stop
            else:
                first, last = (first if last > first else at), stop
        if last > first or not plan:
            plan.append((first, last, False))
        for first, last, deep in plan:
            if deep:
                for part in self.parts(first, last, depth + 1):
                    yield bytes(own) + _tagged(_CONTENT[depth], part)
            else:
                yield bytes(own + self._body[first:last])

    def _fields(self, begin: int, end: int) -> Iterator[tuple[int, int, int, int]]:
        """Number, begin, begin of the value and end of each field."""
        body, at = self._body, begin
        while at < end:
            self._left -= 1
            if self._left < 0:
                raise malformed(f"the request has more than {MOST_FIELDS:,} parts; send smaller batches")
            tag, value = _varint(body, at, end)
            kind = tag & 7
            if kind == 2:
                size, value = _varint(body, value, end)
                stop = value + size
            elif kind == 0:
                stop = _varint(body, value, end)[1]
            elif kind in (1, 5):
                stop = value + (8 if kind == 1 else 4)
            else:
                raise malformed(f"the body is no protobuf: wire type {kind} at byte {at}")
            if stop > end or tag < 8:
                raise malformed(f"the body is no protobuf: field {tag >> 3} at byte {at} is cut")
            yield tag >> 3, at, value, stop
            at = stop


def _varint(body: bytes | bytearray, at: int, end: int) -> tuple[int, int]:
    result = shift = 0
    while at < end and shift < 64:
        byte = body[at]
        at += 1
        result |= (byte & 0x7F) << shift
        if byte < 0x80:
            return result, at
        shift += 7
    raise malformed(f"the body is no protobuf: a number is cut at byte {at}")


def _tagged(number: int, content: bytes) -> bytes:
    size, length = bytearray(), len(content)
    while length > 0x7F:
        size.append(length & 0x7F | 0x80)
        length >>= 7
    size.append(length)
    return bytes((number << 3 | 2,)) + bytes(size) + content

"""Content encodings, undone with a bound on what comes out: a small request must not become a huge one."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import TypeAlias

import zstandard

from .errors import Refused, malformed, too_large

# Output is asked for in pieces of this size, so that no more than one piece is made in vain.
_PIECE = 256 * 1024


def inflate(
    body: bytes | bytearray, encoding: str, limit: int, claim: Callable[[int], None]
) -> bytes | bytearray:
    """The decoded body.

    Args:
        body: what was received.
        encoding: the `Content-Encoding` header; empty and `identity` leave the body as it is.
        limit: most bytes that may come out.
        claim: told of every piece that comes out, before the next: many small requests together must not
            become huge either. It raises `Refused` when there is no room.

    Raises:
        Refused: no room, more than `limit` bytes, an unknown encoding, or a body that is not of it.
    """
    name = encoding.strip().lower()
    if name in {"", "identity"}:
        if len(body) > limit:
            raise too_large(limit)
        return body
    decode = _DECODERS.get(name)
    if decode is None:
        raise malformed(f"Content-Encoding {encoding!r} is not known here; use gzip, deflate, zstd or none")
    try:
        return decode(body, _Pieces(limit, claim))
    except (zlib.error, zstandard.ZstdError, EOFError) as error:
        raise malformed(f"the body is not {name}: {error}") from None


class _Pieces:
    """What came out so far, within the limit. Joining pieces at the end would hold all of them twice."""

    def __init__(self, limit: int, claim: Callable[[int], None]) -> None:
        self.limit = limit
        self._claim = claim
        self._plain = bytearray()

    def add(self, piece: bytes) -> None:
        try:
            if len(self._plain) + len(piece) > self.limit:
                raise too_large(self.limit)
            self._claim(len(piece))
        except Refused:
            # The exception's traceback would keep it for as long as somebody looks at it.
            self._plain.clear()
            raise
        self._plain += piece

    def join(self) -> bytes | bytearray:
        """Everything; a small body as the bytes that most of its users want."""
        return bytes(self._plain) if len(self._plain) <= _PIECE * 4 else self._plain


_Decode: TypeAlias = Callable[[bytes | bytearray, _Pieces], bytes | bytearray]


def _zlib(window_bits: int) -> _Decode:
    def decode(body: bytes | bytearray, pieces: _Pieces) -> bytes | bytearray:
        decoder = zlib.decompressobj(window_bits)
        at, rest = 0, b""
        while not decoder.eof:
            # A decoder hands back a copy of what it did not read, so it is given no more than it soon reads.
            if not rest:
                rest = bytes(body[at : at + _PIECE])
                at += len(rest)
            piece = decoder.decompress(rest, _PIECE)
            if not piece and not rest:
                raise EOFError("it ends in the middle")
            rest = decoder.unconsumed_tail
            pieces.add(piece)
        return pieces.join()

    return decode


def _zstd(body: bytes | bytearray, pieces: _Pieces) -> bytes | bytearray:
    # The window bounds what a frame may make the decoder allocate.
    reader = zstandard.ZstdDecompressor(max_window_size=pieces.limit).stream_reader(body)
    while piece := reader.read(_PIECE):
        pieces.add(piece)
    plain = pieces.join()
    if not plain and body:
        raise EOFError("it ends in the middle")
    return plain


# 32 + 15: zlib finds out by itself whether a header is gzip's or zlib's.
_DECODERS = {"gzip": _zlib(31), "deflate": _zlib(47), "zstd": _zstd}

"""Content encodings, undone with a bound on what comes out: a small request must not become a huge one."""

from __future__ import annotations

import zlib
from collections.abc import Callable

import zstandard

from .errors import malformed, too_large

# Output is asked for in pieces of this size, so that no more than one piece is made in vain.
_PIECE = 256 * 1024


def inflate(body: bytes, encoding: str, limit: int) -> bytes:
    """The decoded body.

    Args:
        body: what was received.
        encoding: the `Content-Encoding` header; empty and `identity` leave the body as it is.
        limit: most bytes that may come out.

    Raises:
        Refused: more than `limit` bytes, an unknown encoding, or a body that is not of it.
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
        return decode(body, limit)
    except (zlib.error, zstandard.ZstdError, EOFError) as error:
        raise malformed(f"the body is not {name}: {error}") from None


def _zlib(window_bits: int) -> Callable[[bytes, int], bytes]:
    def decode(body: bytes, limit: int) -> bytes:
        decoder = zlib.decompressobj(window_bits)
        pieces = []
        size = 0
        rest = body
        while not decoder.eof:
            piece = decoder.decompress(rest, _PIECE)
            rest = decoder.unconsumed_tail
            size += len(piece)
            if size > limit:
                raise too_large(limit)
            if not piece and not rest:
                raise EOFError("it ends in the middle")
            pieces.append(piece)
        return b"".join(pieces)

    return decode


def _zstd(body: bytes, limit: int) -> bytes:
    # The window bounds what a frame may make the decoder allocate.
    reader = zstandard.ZstdDecompressor(max_window_size=limit).stream_reader(body)
    pieces = []
    size = 0
    while piece := reader.read(_PIECE):
        size += len(piece)
        if size > limit:
            raise too_large(limit)
        pieces.append(piece)
    if not pieces and body:
        raise EOFError("it ends in the middle")
    return b"".join(pieces)


# 32 + 15: zlib finds out by itself whether a header is gzip's or zlib's.
_DECODERS = {"gzip": _zlib(31), "deflate": _zlib(47), "zstd": _zstd}

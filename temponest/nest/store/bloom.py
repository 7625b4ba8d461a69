"""Blocked Bloom filters: certain when they say no, and one read of 64 bytes to ask."""

from __future__ import annotations

import zlib
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

BLOCK_BYTES = 64
# Twelve bits an entry and eight probes in one block give about one wrong yes in a hundred.
_BITS_PER_ENTRY = 12
_PROBES = np.array(
    [0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1, 0xD3A2646D, 0xFD7046C5, 0xB55A4F09],
    np.uint64,
)
_LOW = np.uint64(0xFFFFFFFF)


def hash_values(seed: int, values: Iterable[bytes]) -> npt.NDArray[np.uint64]:
    """A 32-bit hash for each value; `seed` keeps equal values of different attributes apart."""
    crc = zlib.crc32
    return np.fromiter((crc(value, seed) for value in values), np.uint64)


def build(hashes: npt.NDArray[np.uint64]) -> bytes:
    """A filter that says yes to every hash given."""
    hashes = np.unique(hashes)
    blocks = max(1, -(-len(hashes) * _BITS_PER_ENTRY // (BLOCK_BYTES * 8)))
    bits = np.zeros(blocks * BLOCK_BYTES, np.uint8)
    base = _block_of(hashes, blocks) * np.uint64(BLOCK_BYTES)
    for probe in _PROBES:
        bit = _bit_of(hashes, probe)
        np.bitwise_or.at(bits, (base + (bit >> np.uint64(3))).astype(np.int64), _mask(bit))
    return bits.tobytes()


def offset_of(value_hash: int, size: int) -> int:
    """Where in a filter of `size` bytes the block of a hash begins."""
    blocks = size // BLOCK_BYTES
    return int(_block_of(np.array([value_hash], np.uint64), blocks)[0]) * BLOCK_BYTES


def block_has(block: bytes, value_hash: int) -> bool:
    """Whether the block of a hash has all of its bits."""
    bits = np.frombuffer(block, np.uint8)
    bit = _bit_of(np.uint64(value_hash), _PROBES)
    return bool((bits[(bit >> np.uint64(3)).astype(np.int64)] & _mask(bit) != 0).all())


def _block_of(hashes: npt.NDArray[np.uint64], blocks: int) -> npt.NDArray[np.uint64]:
    return hashes * np.uint64(blocks) >> np.uint64(32)


def _bit_of(
    hashes: npt.NDArray[np.uint64] | np.uint64, probe: npt.NDArray[np.uint64] | np.uint64
) -> npt.NDArray[np.uint64]:
    """Nine bits, the number of a bit in a block; multiplying brings the low bits of the hash up."""
    return (hashes * probe & _LOW) >> np.uint64(23)  # type: ignore[return-value] # one of both is an array


def _mask(bit: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    return np.left_shift(np.uint8(1), (bit & np.uint64(7)).astype(np.uint8))

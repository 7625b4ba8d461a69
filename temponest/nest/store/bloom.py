"""Blocked Bloom filters: certain when they say no, and one read of 64 bytes to ask."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

BLOCK_BYTES = 64
_WORDS = BLOCK_BYTES // 8
_HALF_BITS = BLOCK_BYTES * 4
_PROBES = np.array(
    [0x9E3779B1, 0x85EBCA77, 0xC2B2AE3D, 0x27D4EB2F, 0x165667B1, 0xD3A2646D, 0xFD7046C5, 0xB55A4F09],
    np.uint64,
)
Blocks: TypeAlias = npt.NDArray[np.uint64]

_LOW = np.uint64(0xFFFFFFFF)


def hash_values(seed: int, values: Iterable[bytes]) -> npt.NDArray[np.uint64]:
    """A 32-bit hash for each value; `seed` keeps equal values of different attributes apart."""
    return np.fromiter(map(zlib.crc32, values, repeat(seed)), np.uint64)


def build(hashes: npt.NDArray[np.uint64], bits_per_entry: int) -> bytes:
    """A filter that says yes to every hash given, and to 1 in 100 others at 12 bits, 1 in 5,000 at 20."""
    hashes = np.unique(hashes)
    blocks = max(1, -(-len(hashes) * bits_per_entry // (BLOCK_BYTES * 8)))
    bits = np.zeros(blocks * BLOCK_BYTES, np.uint8)
    base = _block_of(hashes, blocks) * np.uint64(BLOCK_BYTES)
    for probe in _PROBES:
        bit = _bit_of(hashes, probe)
        np.bitwise_or.at(bits, (base + (bit >> np.uint64(3))).astype(np.int64), _mask(bit))
    return bits.tobytes()


def coarse(content: bytes) -> bytes:
    """A filter in half its size, which has all that it had and is wrong more often: 1 in 100 at 20 bits."""
    return _halved(blocks_of(content)).tobytes()


def blocks_of(content: bytes | memoryview, *, halves: bool = False) -> Blocks:
    """A filter, or a coarse one, as numbers, a row a block."""
    return np.frombuffer(content, np.uint64).reshape(-1, _WORDS // 2 if halves else _WORDS)


class Probe:
    """A question for any number of filters, worked out once."""

    __slots__ = ("_coarse_mask", "_hash", "_mask")

    def __init__(self, seed: int, value: bytes) -> None:
        self._hash = zlib.crc32(value, seed)
        self._mask = 0
        for probe in _PROBES.tolist():
            self._mask |= 1 << (self._hash * probe % (1 << 32) >> 23)
        self._coarse_mask = (self._mask | self._mask >> _HALF_BITS) & ((1 << _HALF_BITS) - 1)

    def offset(self, size: int) -> int:
        """Where in a filter of `size` bytes the block to look at begins."""
        return (self._hash * (size // BLOCK_BYTES) >> 32) * BLOCK_BYTES

    def fits(self, block: bytes) -> bool:
        """Whether a block has all of the bits."""
        return int.from_bytes(block, "little") & self._mask == self._mask

    def fits_coarse(self, half: bytes) -> bool:
        """Whether a block of a coarse filter has them; it begins at half the offset."""
        return int.from_bytes(half, "little") & self._coarse_mask == self._coarse_mask


class Probes:
    """Many questions for any number of filters: a filter answers all of them at once."""

    __slots__ = ("_coarse_masks", "_hashes", "_masks")

    def __init__(self, seed: int, values: Sequence[bytes]) -> None:
        self._hashes = hash_values(seed, values)
        bits = np.zeros((len(values), BLOCK_BYTES), np.uint8)
        rows = np.arange(len(values))
        for probe in _PROBES:
            bit = _bit_of(self._hashes, probe)
            bits[rows, (bit >> np.uint64(3)).astype(np.int64)] |= _mask(bit)
        self._masks: Blocks = bits.view(np.uint64)
        self._coarse_masks = _halved(self._masks)

    def found(self, blocks: Blocks) -> npt.NDArray[np.bool_]:
        """Which of the values a filter has."""
        return self._fit(blocks, self._masks)

    def found_coarse(self, blocks: Blocks) -> npt.NDArray[np.bool_]:
        """Which of the values a coarse filter has."""
        return self._fit(blocks, self._coarse_masks)

    def _fit(self, blocks: Blocks, masks: Blocks) -> npt.NDArray[np.bool_]:
        there = blocks.take(_block_of(self._hashes, len(blocks)).view(np.int64), 0) & masks == masks
        # A row of eight booleans as one number: a reduction takes longer than everything else together.
        width = there.shape[1]
        found: npt.NDArray[np.bool_] = there.view(f"u{width}")[:, 0] == int.from_bytes(
            b"\1" * width, "little"
        )
        return found


def _halved(blocks: Blocks) -> Blocks:
    return blocks[:, : _WORDS // 2] | blocks[:, _WORDS // 2 :]


def _block_of(hashes: npt.NDArray[np.uint64], blocks: int) -> npt.NDArray[np.uint64]:
    return hashes * np.uint64(blocks) >> np.uint64(32)


def _bit_of(
    hashes: npt.NDArray[np.uint64] | np.uint64, probe: npt.NDArray[np.uint64] | np.uint64
) -> npt.NDArray[np.uint64]:
    """Nine bits, the number of a bit in a block; multiplying brings the low bits of the hash up."""
    return (hashes * probe & _LOW) >> np.uint64(23)  # type: ignore[return-value] # one of both is an array


def _mask(bit: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint8]:
    return np.left_shift(np.uint8(1), (bit & np.uint64(7)).astype(np.uint8))

"""Give memory back: what a batch needed for milliseconds must not stay in the process for ever."""

from __future__ import annotations

import ctypes

import pyarrow as pa

# Parameters of glibc's mallopt(3).
_M_TRIM_THRESHOLD = -1
_M_MMAP_THRESHOLD = -3
_M_ARENA_MAX = -8

# Allocations from this size on are mapped, and unmapped when freed. Without a fixed value glibc raises the
# threshold to whatever was freed last, and bodies and columns end in arenas that never shrink.
_MAPPED_FROM = 256 * 1024
_TRIM_ABOVE = 1024 * 1024
# A thread takes memory from one of so many arenas; each keeps what its peak was.
_ARENAS = 2


def give_back() -> None:
    """Make the allocators of this process return memory to the system. Call once, before anything else.

    Arrow allocates by malloc then. Where the C library is not glibc, its own policy stays.
    """
    pa.set_memory_pool(pa.system_memory_pool())
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, _MAPPED_FROM)
        mallopt(_M_TRIM_THRESHOLD, _TRIM_ABOVE)
        mallopt(_M_ARENA_MAX, _ARENAS)

"""The filters of a segment: in memory as far as there is room, and else in the file of its summary."""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Sequence
from functools import lru_cache
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from . import bloom

# Where hashes of trace ids start.
TRACE_SEED = 0
# Fewer traces are looked up one by one, in a microsecond each; together they take ten, however many they are.
_TOGETHER = 8


class FilterMemory:
    """Room for filters in memory.

    A read is a system call, and after each the thread waits for the interpreter again: in memory a question
    to a hundred segments takes microseconds however busy the nest is.

    Args:
        limit: bytes.
    """

    def __init__(self, limit: int) -> None:
        self._guard = threading.Lock()
        self._spare = limit * 2 // 3
        self._left = limit

    def take(self, size: int, *, spare: bool = False) -> bool:
        """Take room, if there is enough; `spare` leaves two thirds of all to others."""
        with self._guard:
            if size > self._left - (self._spare if spare else 0):
                return False
            self._left -= size
            return True

    def give(self, size: int) -> None:
        """Give room back."""
        with self._guard:
            self._left += size


class Filters:
    """What a segment may hold: its traces, and the values in it.

    Both are in memory until a third of the room is taken. From then on it is the filter of traces alone, in
    half its size: it says no to nearly all that the whole one says no to, and the others are read.

    Args:
        file: a summary, read up to its filters.
        traces: bytes of the filter of trace ids.
        values: bytes of the filter of values.
        memory: room; without it they stay in the file.
    """

    def __init__(self, file: BinaryIO, traces: int, values: int, memory: FilterMemory | None) -> None:
        self.path = file.name
        self.begin = file.tell()
        self.traces = traces
        self.values = values
        self.held: bytes | None = None
        self.held_coarse: bytes | None = None
        # The filter of traces once more, as numbers over the same memory.
        self.blocks: bloom.Blocks | None = None
        if memory is None:
            return
        if memory.take(traces + values, spare=True):
            self.held = file.read(traces + values)
            self.blocks = bloom.blocks_of(memoryview(self.held)[:traces])
            weakref.finalize(self, memory.give, traces + values)
        elif memory.take(traces // 2):
            self.held_coarse = bloom.coarse(file.read(traces))
            self.blocks = bloom.blocks_of(self.held_coarse, halves=True)
            weakref.finalize(self, memory.give, traces // 2)

    def asking(self) -> Asking:
        """For one question, in a `with` block."""
        return Asking(self)


class Asking:
    """Asks the filters. Their file, where it is needed, is open for one question: a process may open few.

    Every method raises `FileNotFoundError` when the segment is gone.
    """

    __slots__ = ("_filters", "_handle")

    def __init__(self, filters: Filters) -> None:
        self._filters = filters
        self._handle = -1

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle >= 0:
            os.close(self._handle)

    def among(self, trace_ids: Sequence[bytes]) -> list[bytes]:
        """Those of the traces that may be there."""
        if len(trace_ids) < _TOGETHER:
            return [one for one in trace_ids if self._has_trace(_trace_probe(one))]
        filters, probes = self._filters, _trace_probes(tuple(trace_ids))
        if filters.held is not None and filters.blocks is not None:
            return _those(trace_ids, probes.found(filters.blocks))
        if filters.blocks is not None and not probes.found_coarse(filters.blocks).any():
            return []
        content = self._read(0, filters.traces)
        if len(content) < filters.traces:
            return list(trace_ids)
        return _those(trace_ids, probes.found(bloom.blocks_of(content)))

    def has_value(self, probe: bloom.Probe) -> bool:
        """Whether a value may be there."""
        filters = self._filters
        return self._fits(probe, filters.traces + probe.offset(filters.values))

    def _has_trace(self, probe: bloom.Probe) -> bool:
        filters = self._filters
        offset = probe.offset(filters.traces)
        if filters.held_coarse is not None and not probe.fits_coarse(
            filters.held_coarse[offset // 2 : (offset + bloom.BLOCK_BYTES) // 2]
        ):
            return False
        return self._fits(probe, offset)

    def _fits(self, probe: bloom.Probe, offset: int) -> bool:
        block = self._read(offset, bloom.BLOCK_BYTES)
        return len(block) < bloom.BLOCK_BYTES or probe.fits(block)

    def _read(self, offset: int, size: int) -> bytes:
        held = self._filters.held
        if held is not None:
            return held[offset : offset + size]
        if self._handle < 0:
            self._handle = os.open(self._filters.path, os.O_RDONLY | os.O_CLOEXEC)
        return os.pread(self._handle, size, self._filters.begin + offset)


@lru_cache(maxsize=1024)
def _trace_probe(trace_id: bytes) -> bloom.Probe:
    return bloom.Probe(TRACE_SEED, trace_id)


@lru_cache(maxsize=16)
def _trace_probes(trace_ids: tuple[bytes, ...]) -> bloom.Probes:
    return bloom.Probes(TRACE_SEED, trace_ids)


def _those(trace_ids: Sequence[bytes], there: npt.NDArray[np.bool_]) -> list[bytes]:
    return [trace_ids[at] for at in there.nonzero()[0].tolist()] if there.any() else []

"""The filters of a segment: in memory as far as there is room, and else in the file of its summary."""

from __future__ import annotations

import heapq
import os
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from typing import BinaryIO

import numpy as np
import numpy.typing as npt

from . import bloom

# Where hashes of trace ids start.
TRACE_SEED = 0
# Fewer traces are looked up one by one, in a microsecond each; together they take ten, however many they are.
_TOGETHER = 8


@dataclass(frozen=True, slots=True)
class Held:
    """What of the filters is in memory; replaced as one, because others ask meanwhile.

    Attributes:
        whole: both filters.
        coarse: the filter of traces in half its size, instead of both.
        blocks: the filter of traces once more, as numbers over the same memory.
        size: bytes in all.
    """

    whole: bytes | None = None
    coarse: bytes | None = None
    blocks: bloom.Blocks | None = None
    size: int = 0


class FilterMemory:
    """Room for filters in memory.

    A read is a system call, and after each the thread waits for the interpreter again: in memory a question
    to a hundred segments takes microseconds however busy the nest is. Where there is no room for all, the
    oldest segments keep the filter of traces alone, in half its size: it says no to nearly all that the whole
    one says no to, and for the others their file is read.

    Args:
        limit: bytes.
    """

    def __init__(self, limit: int) -> None:
        # Entered again where making room has Python collect a segment that is gone.
        self._guard = threading.RLock()
        self._left = limit
        self._whole: list[tuple[str, int, weakref.ref[Filters]]] = []
        self._number = count()

    @property
    def left(self) -> int:
        """Bytes that nobody has."""
        return self._left

    def keep(self, filters: Filters, content: bytes) -> None:
        """Hold what there is room for, in `filters.held`.

        Args:
            filters: a segment's; names of files sort like their age.
            content: both filters as they are in the file.
        """
        with self._guard:
            filters.held = Held(
                content, None, bloom.blocks_of(memoryview(content)[: filters.traces]), len(content)
            )
            self._left -= len(content)
            # Retention drops the oldest: those that are gone are first.
            while self._whole and self._whole[0][2]() is None:
                heapq.heappop(self._whole)
            heapq.heappush(self._whole, (filters.path, next(self._number), weakref.ref(filters)))
            while self._left < 0 and self._whole:
                oldest = heapq.heappop(self._whole)[2]()
                if oldest is not None:
                    self._coarsen(oldest)
            if self._left < 0:
                self._left += filters.held.size
                filters.held = Held()
            weakref.finalize(filters, self._give, filters.taken)

    def _coarsen(self, filters: Filters) -> None:
        whole = filters.held.whole
        if whole is not None:
            coarse = bloom.coarse(whole[: filters.traces])
            filters.held = Held(None, coarse, bloom.blocks_of(coarse, halves=True), len(coarse))
            self._left += len(whole) - len(coarse)

    def _give(self, taken: list[int]) -> None:
        with self._guard:
            self._left += taken[0]


class Filters:
    """What a segment may hold: its traces, and the values in it.

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
        # Outlives this object, so that its memory is given back.
        self.taken = [0]
        self._held = Held()
        if memory is not None:
            memory.keep(self, file.read(traces + values))

    @property
    def held(self) -> Held:
        """What of them is in memory."""
        return self._held

    @held.setter
    def held(self, held: Held) -> None:
        self._held = held
        self.taken[0] = held.size

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
        held, probes = self._filters.held, _trace_probes(tuple(trace_ids))
        if held.blocks is not None:
            if held.whole is not None:
                return _those(trace_ids, probes.found(held.blocks))
            if not probes.found_coarse(held.blocks).any():
                return []
        content = self._read(0, self._filters.traces)
        if len(content) < self._filters.traces:
            return list(trace_ids)
        return _those(trace_ids, probes.found(bloom.blocks_of(content)))

    def has_value(self, probe: bloom.Probe) -> bool:
        """Whether a value may be there."""
        filters = self._filters
        return self._fits(probe, filters.traces + probe.offset(filters.values))

    def _has_trace(self, probe: bloom.Probe) -> bool:
        filters = self._filters
        offset = probe.offset(filters.traces)
        coarse = filters.held.coarse
        if coarse is not None and not probe.fits_coarse(
            coarse[offset // 2 : (offset + bloom.BLOCK_BYTES) // 2]
        ):
            return False
        return self._fits(probe, offset)

    def _fits(self, probe: bloom.Probe, offset: int) -> bool:
        block = self._read(offset, bloom.BLOCK_BYTES)
        return len(block) < bloom.BLOCK_BYTES or probe.fits(block)

    def _read(self, offset: int, size: int) -> bytes:
        whole = self._filters.held.whole
        if whole is not None:
            return whole[offset : offset + size]
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

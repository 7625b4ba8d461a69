"""The recent buffer: spans and log records that are searchable and in no segment yet."""

from __future__ import annotations

import pyarrow as pa

from ..model.signal import Signal
from .block import MemoryBlock
from .schema import SHAPES

# Blocks of the same order of size are joined when there are this many, so that a search meets few of them.
_FAN_IN = 8
# Joining more saves a search little and costs every row another copy.
_LARGEST = 32 * 1024


class Generation:
    """What will become segments together, as blocks in the order of arrival.

    A tuple of blocks is replaced, never changed, so readers hold a snapshot by holding it. One thread adds.
    """

    def __init__(self) -> None:
        self._blocks: dict[Signal, tuple[MemoryBlock, ...]] = dict.fromkeys(SHAPES, ())
        self._rows = dict.fromkeys(SHAPES, 0)
        self.bytes = 0
        self.last_sequence = 0

    def blocks(self, signal: Signal) -> tuple[MemoryBlock, ...]:
        """What there is of a signal."""
        return self._blocks[signal]

    def rows(self, signal: Signal) -> int:
        """How many spans or log records."""
        return self._rows[signal]

    def add(self, signal: Signal, table: pa.Table, last_sequence: int) -> None:
        """Make a decoded batch searchable."""
        if table.num_rows:
            self._blocks[signal] = _joined(
                signal, (*self._blocks[signal], MemoryBlock(table, SHAPES[signal]))
            )
        self._rows[signal] += table.num_rows
        self.bytes += table.nbytes
        self.last_sequence = max(self.last_sequence, last_sequence)


def _joined(signal: Signal, blocks: tuple[MemoryBlock, ...]) -> tuple[MemoryBlock, ...]:
    """Join the newest blocks while `_FAN_IN` of them are of one order of size: a row is copied rarely."""
    while len(blocks) >= _FAN_IN:
        tail = blocks[-_FAN_IN:]
        if tail[0].rows > _FAN_IN * tail[-1].rows or sum(block.rows for block in tail) > _LARGEST:
            break
        table = pa.concat_tables([block.table for block in tail], promote_options="default")
        blocks = (*blocks[:-_FAN_IN], MemoryBlock(table, SHAPES[signal]))
    return blocks

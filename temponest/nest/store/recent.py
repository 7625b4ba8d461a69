"""The recent buffer: spans that are searchable and in no segment yet."""

from __future__ import annotations

import pyarrow as pa

from .block import MemoryBlock

# Blocks of the same order of size are joined when there are this many, so that a search meets few of them.
_FAN_IN = 8
# Joining more saves a search little and costs every span another copy.
_LARGEST = 32 * 1024


class Generation:
    """Spans that will become one segment together, as blocks in the order of arrival.

    The tuple `blocks` is replaced, never changed, so readers hold a snapshot by holding it. One thread adds.
    """

    def __init__(self) -> None:
        self.blocks: tuple[MemoryBlock, ...] = ()
        self.spans = 0
        self.bytes = 0
        self.last_sequence = 0

    def add(self, table: pa.Table, last_sequence: int) -> None:
        """Make a decoded batch searchable."""
        if table.num_rows:
            self.blocks = _joined((*self.blocks, MemoryBlock(table)))
        self.spans += table.num_rows
        self.bytes += table.nbytes
        self.last_sequence = last_sequence


def _joined(blocks: tuple[MemoryBlock, ...]) -> tuple[MemoryBlock, ...]:
    """Join the newest blocks while `_FAN_IN` of them are of one order of size: a span is copied rarely."""
    while len(blocks) >= _FAN_IN:
        tail = blocks[-_FAN_IN:]
        if tail[0].rows > _FAN_IN * tail[-1].rows or sum(block.rows for block in tail) > _LARGEST:
            break
        table = pa.concat_tables([block.table for block in tail], promote_options="default")
        blocks = (*blocks[:-_FAN_IN], MemoryBlock(table))
    return blocks

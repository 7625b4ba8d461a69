"""From a generation to tables that become segments."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from ..model.signal import Signal
from .arrays import columns_of
from .block import MemoryBlock
from .recent import Generation
from .schema import SHAPES

# A service with a larger share of a generation gets a segment of its own, see retention.py.
_NOISY_SHARE = 0.75


def split(table: pa.Table) -> list[tuple[str, pa.Table]]:
    """The table by owner: a service that made nearly all of it apart from the others."""
    service = columns_of(table, "service")
    counts = np.bincount(service.indices.to_numpy(), minlength=len(service.dictionary))
    noisy = int(counts.argmax())
    owner = service.dictionary[noisy].as_py()
    if counts[noisy] <= _NOISY_SHARE * len(service):
        return [("", table)]
    if counts[noisy] == len(service):
        return [(owner, table)]
    own = service.indices.to_numpy() == noisy
    return [(owner, table.filter(pa.array(own))), ("", table.filter(pa.array(~own)))]


def table_of(signal: Signal, generation: Generation) -> pa.Table:
    """All spans or all log records of a generation as one table."""
    tables = [block.table for block in generation.blocks(signal)]
    return MemoryBlock(pa.concat_tables(tables, promote_options="default"), SHAPES[signal]).table

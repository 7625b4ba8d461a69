"""What queries see: some rows of spans or log records as columns, in memory or in a file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from ..model.fetch import AttributeScope, FetchRequest
from .arrays import halves_of_ids
from .names import attribute_names, operations
from .schema import SPANS, Shape

# Up to so many trace ids are compared one by one, in 40 µs each; hashing a column takes half a millisecond.
_ONE_BY_ONE = 8


class Block(Protocol):
    """An unchanging set of spans or log records. Columns that nobody asks for are not read."""

    shape: Shape
    rows: int
    start_min: int
    start_max: int

    def reading(self) -> AbstractContextManager[None]:
        """Entered while one question is answered: what takes long to open is opened once for it."""
        ...

    def names(self) -> Collection[str]:
        """The columns there are."""
        ...

    def read(self, names: Sequence[str]) -> pa.Table:
        """Those of the columns that exist, over all rows."""
        ...

    def take(self, rows: npt.NDArray[np.int64]) -> pa.Table:
        """Every column of these rows, in their order; the fixed ones always."""
        ...

    def traces(self, trace_ids: Sequence[bytes]) -> pa.Table | None:
        """Every column of the rows of these traces, None when there are none."""
        ...

    def may_match(self, request: FetchRequest) -> bool:
        """False only when it is certain that no row satisfies the request."""
        ...

    def operations(self) -> dict[str, list[tuple[str, int]]]:
        """For each service its span names and kinds."""
        ...

    def attribute_names(self) -> dict[AttributeScope, set[str]]:
        """Attribute names by scope; some may be missing where there are very many events."""
        ...


def one_chunk(table: pa.Table) -> pa.Table:
    """The table with one chunk and one dictionary a column."""
    columns = [
        pa.chunked_array([_without_stray_indices(chunk) for chunk in column.chunks], column.type)
        if pa.types.is_dictionary(column.type)
        else column
        for column in table.columns
    ]
    return pa.table(columns, schema=table.schema).unify_dictionaries().combine_chunks()


def _without_stray_indices(chunk: pa.DictionaryArray) -> pa.DictionaryArray:
    """The same values, with index 0 behind each null.

    Arrow leaves those indices undefined, and unifying dictionaries looks them up all the same, beyond the
    dictionary's end.
    """
    indices = chunk.indices
    if not indices.null_count:
        return chunk
    valid, filled = indices.is_valid(), pc.fill_null(indices, 0)
    buffers = [valid.buffers()[1], filled.buffers()[1]]
    safe = pa.Array.from_buffers(indices.type, len(indices), buffers)
    return pa.DictionaryArray.from_arrays(safe, chunk.dictionary)


class MemoryBlock:
    """A table of the recent buffer as a block."""

    def __init__(self, table: pa.Table, shape: Shape = SPANS) -> None:
        self.shape = shape
        self.table = one_chunk(table)
        self.rows = table.num_rows
        bounds = pc.min_max(table.column(shape.time))
        self.start_min: int = bounds["min"].as_py() or 0
        self.start_max: int = bounds["max"].as_py() or 0
        self._names = frozenset(table.schema.names)
        self._operations: dict[str, list[tuple[str, int]]] | None = None
        self._attribute_names: dict[AttributeScope, set[str]] | None = None

    def reading(self) -> AbstractContextManager[None]:
        """Memory needs no opening."""
        return nullcontext()

    def names(self) -> Collection[str]:
        """The columns there are."""
        return self._names

    def read(self, names: Sequence[str]) -> pa.Table:
        """Those of the columns that exist."""
        return self.table.select([name for name in names if name in self._names])

    def take(self, rows: npt.NDArray[np.int64]) -> pa.Table:
        """Every column of these rows, in their order."""
        return self.table.take(pa.array(rows))

    def traces(self, trace_ids: Sequence[bytes]) -> pa.Table | None:
        """Every column of the rows of these traces, None when there are none."""
        rows = rows_of_traces(self.table.column("trace_id"), trace_ids)
        return self.take(rows) if len(rows) else None

    def operations(self) -> dict[str, list[tuple[str, int]]]:
        """For each service its span names and kinds."""
        if self._operations is None:
            self._operations = operations(self)
        return self._operations

    def attribute_names(self) -> dict[AttributeScope, set[str]]:
        """Attribute names by scope."""
        if self._attribute_names is None:
            self._attribute_names = attribute_names(self)
        return self._attribute_names

    def may_match(self, request: FetchRequest) -> bool:
        """Scanning memory costs less than a summary of it."""
        return overlaps(self, request)


def overlaps(block: Block, request: FetchRequest) -> bool:
    """Whether a block has rows that lie in the window of a request."""
    return block.start_max >= request.start_ns and (not request.end_ns or block.start_min < request.end_ns)


def rows_of_traces(column: pa.ChunkedArray, trace_ids: Sequence[bytes]) -> npt.NDArray[np.int64]:
    """Row numbers with one of the trace ids, ascending."""
    if len(trace_ids) > _ONE_BY_ONE or column.null_count:
        found = pc.is_in(column, value_set=pa.array(trace_ids, pa.binary(16)))
        return np.flatnonzero(found.to_numpy())
    halves = halves_of_ids(column.chunk(0) if column.num_chunks == 1 else column.combine_chunks())
    found = np.zeros(len(halves), np.bool_)
    for trace_id in trace_ids:
        first, second = np.frombuffer(trace_id, np.uint64)
        at = np.flatnonzero(halves[:, 0] == first)
        found[at[halves[at, 1] == second]] = True
    return np.flatnonzero(found)

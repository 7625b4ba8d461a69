"""What decoding does with Arrow arrays: text, ids, lists, dictionaries spread over rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .schema import TEXT

Ints: TypeAlias = npt.NDArray[np.int64]

_INT64_MAX = np.iinfo(np.int64).max


def columns_of(table: pa.Table, name: str) -> pa.Array:
    """A column of a table as one array."""
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def own(array: pa.Array) -> pa.Array:
    """A copy: what the wire decoder made is freed only as a whole, attributes of all spans included."""
    return pa.concat_arrays([array])


def parents(lists: pa.ListArray) -> Ints:
    """For each element of the flattened lists, which list it comes from."""
    return np.repeat(np.arange(len(lists)), np.diff(lists.offsets.to_numpy()))


def spread(distinct: pa.DictionaryArray, of: Ints) -> pa.DictionaryArray:
    """Row `i` has the value of `distinct[of[i]]`."""
    return pa.DictionaryArray.from_arrays(distinct.indices.take(pa.array(of)), distinct.dictionary)


def string(encoded: pa.BinaryArray) -> pa.StringArray:
    """Bytes as text. Receivers refuse what is not UTF-8; what slips through is repaired, not lost."""
    try:
        return encoded.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array(
            [None if v is None else v.decode("utf-8", "replace") for v in encoded.to_pylist()], pa.string()
        )


def text(encoded: pa.BinaryArray, *, empty_is_null: bool = False) -> pa.DictionaryArray:
    """Bytes as a dictionary of text."""
    distinct = encoded.dictionary_encode()
    values = string(distinct.dictionary)
    if not empty_is_null:
        return pa.DictionaryArray.from_arrays(distinct.indices, values)
    empty = pc.index(values, "").as_py()
    if empty < 0:
        return pa.DictionaryArray.from_arrays(distinct.indices, values)
    if len(values) == 1:
        return pa.nulls(len(encoded), TEXT)
    codes = distinct.indices.to_numpy()
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes == empty), values)


def ids(encoded: pa.BinaryArray, size: int) -> pa.FixedSizeBinaryArray:
    """Ids as `size` bytes: shorter ones are padded on the left, empty and longer ones are null."""
    lengths = np.diff(np.frombuffer(encoded.buffers()[1], np.int32, len(encoded) + 1, encoded.offset * 4))
    if (lengths == size).all():
        return pc.cast(encoded, pa.binary(size))
    if ((lengths == size) | (lengths == 0)).all():
        return pc.cast(pc.if_else(pa.array(lengths == size), encoded, None), pa.binary(size))
    padded = [v.rjust(size, b"\0") if 0 < len(v) <= size else None for v in encoded.to_pylist()]
    return pa.array(padded, pa.binary(size))


def halves_of_ids(column: pa.FixedSizeBinaryArray) -> npt.NDArray[np.uint64]:
    """Trace ids as two numbers a row, whose order says nothing; a null is any id."""
    return np.frombuffer(column.buffers()[1], np.uint64, 2 * len(column), column.offset * 16).reshape(-1, 2)


def null_when_empty(lists: pa.ListArray) -> pa.ListArray:
    """The lists, null in place of an empty one."""
    offsets = lists.offsets
    empty = np.diff(offsets.to_numpy()) == 0
    if empty.all():
        return pa.nulls(len(lists), lists.type)
    return pa.ListArray.from_arrays(offsets, lists.values, mask=pa.array(empty))


def nanoseconds(unsigned: pa.UInt64Array) -> Ints:
    """Times. Those beyond the year 2262 are cut there, where 64 signed bits end."""
    cut: Ints = np.minimum(unsigned.to_numpy(), _INT64_MAX).astype(np.int64)
    return cut


def table_of(fixed: pa.Schema, columns: Mapping[str, pa.Array]) -> pa.Table:
    """A table of the fixed columns in their order, then the others."""
    others = {name: array for name, array in columns.items() if name not in fixed.names}
    schema = fixed
    for name, array in others.items():
        schema = schema.append(pa.field(name, array.type))
    return pa.Table.from_arrays(
        [*(own(columns[name]) for name in fixed.names), *others.values()], schema=schema
    )

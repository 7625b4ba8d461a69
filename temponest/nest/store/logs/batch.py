"""Rows of a block as the columns that a query engine asks for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...model.log import Coded, Ints, LogRecord, UnreadableError
from ...model.span import Resource, Scope, Value
from .. import otlp
from ..arrays import columns_of
from ..block import Block
from ..errors import Corrupt
from ..schema import ATTRIBUTE_TYPES, attribute_column, attribute_of
from .records import records

_IDS = ("trace_id", "span_id")
_NUMBERS = ("observed_ns", "severity", "flags", "dropped_attributes")


@contextmanager
def _readable() -> Iterator[None]:
    """What a store cannot read, in the words of the seam."""
    try:
        yield
    except (Corrupt, FileNotFoundError) as error:
        raise UnreadableError(str(error)) from None


class Batch:
    """See `LogBatch`.

    Args:
        block: where the rows are.
        rows: their numbers, ascending.
        bound_ns: see `LogBatch`.
    """

    def __init__(self, block: Block, rows: Ints, bound_ns: int) -> None:
        self._block = block
        self._rows = rows
        self.rows = len(rows)
        self.bound_ns = bound_ns

    def times(self) -> Ints:
        """When each happened."""
        times: Ints = self._read(self._block.shape.time).to_numpy()
        return times

    def resources(self) -> Coded[Resource]:
        """Who sent it."""
        codes, encoded = _compact(self._read("resource"))
        return Coded(codes, [otlp.resource(one or b"") for one in encoded])

    def scopes(self) -> Coded[Scope]:
        """The logger."""
        codes, encoded = _compact(self._read("scope"))
        return Coded(codes, [otlp.scope(one or b"") for one in encoded])

    def lines(self) -> Coded[str]:
        """The body as text."""
        codes, values = _compact(self._read("body"))
        return Coded(codes, [value or "" for value in values])

    def attribute_names(self) -> Sequence[str]:
        """Names of attributes that a record may have."""
        found = {described[1] for name in self._names() if (described := attribute_of(name))}
        rest = self._read("rest")
        if rest.null_count < len(rest):
            found.update(otlp.key_value(one)[0] for one in set(rest.flatten().to_pylist()))
        return sorted(found)

    def attribute(self, name: str) -> Coded[Value]:
        """An attribute of the records."""
        present = [
            column for kind in ATTRIBUTE_TYPES if (column := attribute_column(kind, name)) in self._names()
        ]
        rest = self._read("rest")
        if len(present) == 1 and rest.null_count == len(rest):
            return Coded(*_compact(self._read(present[0])))
        values: list[Value] = [None] * self.rows
        for column in present:
            for row, value in enumerate(self._read(column).to_pylist()):
                if value is not None:
                    values[row] = value
        for row, encoded in enumerate(rest.to_pylist()):
            for key, value in map(otlp.key_value, encoded or ()):
                if key == name:
                    values[row] = value
        return Coded(np.arange(self.rows), values)

    def field(self, name: str) -> Coded[Value]:
        """A field of the records."""
        codes, values = _compact(self._read(name))
        if name in _IDS:
            values = [None if value is None else value.hex() for value in values]
        elif name in _NUMBERS:
            values = [value or None for value in values]
        return Coded(codes, values)

    def take(self, rows: Ints) -> Batch:
        """Some of the records."""
        return Batch(self._block, self._rows[rows], self.bound_ns)

    def records(self) -> list[LogRecord]:
        """The records whole."""
        with _readable():
            return records(self._block.take(self._rows))

    def _names(self) -> Collection[str]:
        with _readable():
            return self._block.names()

    def _read(self, column: str) -> pa.Array:
        with _readable():
            array = columns_of(self._block.read([column]), column)
        return array if self.rows == self._block.rows else array.take(pa.array(self._rows))


def _compact(array: pa.Array) -> tuple[Ints, list[Any]]:
    """A column as codes and distinct values that occur; the last value is None where a row has none."""
    if pa.types.is_dictionary(array.type) and len(array.dictionary) > len(array):
        array = array.cast(array.type.value_type)
    if not pa.types.is_dictionary(array.type):
        array = pc.dictionary_encode(array)
    values = array.dictionary.to_pylist()
    codes = array.indices
    if codes.null_count:
        codes = codes.fill_null(len(values))
        values = [*values, None]
    return codes.to_numpy().astype(np.int64), values

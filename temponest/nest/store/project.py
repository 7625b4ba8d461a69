"""Attributes of chosen rows as columns of values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from functools import cached_property
from typing import Any, Protocol, TypeAlias, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..model.fetch import Attribute, AttributeScope
from ..model.source import Coded, Columns
from ..model.span import Value
from . import otlp
from .arrays import columns_of
from .block import Block
from .schema import ATTRIBUTE_TYPES, attribute_column

Rows: TypeAlias = npt.NDArray[np.int64]

_DIRECT = {
    "name": "name",
    "kind": "kind",
    "status": "status",
    "statusMessage": "status_message",
    "duration": "duration_ns",
}
_IDS = {"trace:id": "trace_id", "span:id": "span_id", "span:parentID": "parent_span_id"}


class _Ids(Sequence[bytes]):
    """Ids of rows; the column is read when the first one is looked at, which most queries never do."""

    def __init__(self, block: Block, name: str, rows: Rows) -> None:
        self._block = block
        self._name = name
        self._rows = rows

    @cached_property
    def _array(self) -> pa.FixedSizeBinaryArray:
        return columns_of(self._block.read([self._name]), self._name).take(pa.array(self._rows))

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, index: int) -> bytes: ...
    @overload
    def __getitem__(self, index: slice) -> list[bytes]: ...
    def __getitem__(self, index: int | slice) -> bytes | list[bytes]:
        found: Any = self._array[index]
        return found.to_pylist() if isinstance(index, slice) else found.as_py()  # type: ignore[no-any-return] # Arrow


class _Readable(Protocol):
    """What of a block is needed here."""

    def names(self) -> Collection[str]: ...
    def read(self, names: Sequence[str]) -> pa.Table: ...


class _Once:
    """A block whose columns are read once: several attributes stand in one column."""

    def __init__(self, block: Block) -> None:
        self.names = block.names
        self._block = block
        self._known: dict[tuple[str, ...], pa.Table] = {}

    def read(self, names: Sequence[str]) -> pa.Table:
        key = tuple(names)
        if key not in self._known:
            self._known[key] = self._block.read(names)
        return self._known[key]


def project(block: Block, rows: Rows, attributes: Sequence[Attribute]) -> Columns:
    """Ids, times and the attributes of some rows of a block."""
    table = block.read(["start_ns", "duration_ns"])
    once = _Once(block)
    return Columns(
        trace_ids=_Ids(block, "trace_id", rows),
        span_ids=_Ids(block, "span_id", rows),
        start_ns=columns_of(table, "start_ns").to_numpy()[rows],
        duration_ns=np.maximum(columns_of(table, "duration_ns").to_numpy()[rows], 0),
        attributes={attribute: column(once, rows, attribute) for attribute in attributes},
    )


def count_values(block: Block, rows: Rows, attribute: Attribute) -> Counter[tuple[type, Value]]:
    """How often each value of an attribute occurs at some rows; 1, 1.0 and True are three values."""
    counts: Counter[tuple[type, Value]] = Counter()
    if attribute.scope in (AttributeScope.EVENT, AttributeScope.LINK):
        for value in _listed(block, rows, attribute):
            counts[type(value), _hashable(value)] += 1
        return counts
    found = column(block, rows, attribute)
    pairs: Iterable[tuple[Value, int]]
    if isinstance(found, Coded):
        tallies = np.bincount(np.asarray(found.codes), minlength=len(found.values)).tolist()
        pairs = zip(found.values, tallies, strict=True)
    else:
        pairs = ((value, 1) for value in found)
    for value, tally in pairs:
        if tally and value is not None:
            counts[type(value), _hashable(value)] += tally
    return counts


def column(block: _Readable, rows: Rows, attribute: Attribute) -> Sequence[Value] | Coded:
    """The values of an attribute at some rows, None where there is none."""
    name = attribute.name
    match attribute.scope:
        case AttributeScope.SPAN:
            return _span(block, rows, name)
        case AttributeScope.RESOURCE:
            return _wire(block, rows, "resource", lambda b: otlp.resource(b).attributes.get(name))
        case AttributeScope.INSTRUMENTATION:
            return _wire(block, rows, "scope", lambda b: otlp.scope(b).attributes.get(name))
        case AttributeScope.ANY:
            return _first(
                _span(block, rows, name),
                _wire(block, rows, "resource", lambda b: otlp.resource(b).attributes.get(name)),
            )
        case AttributeScope.INTRINSIC:
            return _intrinsic(block, rows, name)
        case _:
            # A span has many events and links: no single value stands for them.
            return _nothing(len(rows))


def _intrinsic(block: _Readable, rows: Rows, name: str) -> Sequence[Value] | Coded:
    if name in _DIRECT:
        return _values(columns_of(block.read([_DIRECT[name]]), _DIRECT[name]).take(pa.array(rows)))
    if name in _IDS:
        ids = columns_of(block.read([_IDS[name]]), _IDS[name]).take(pa.array(rows)).to_pylist()
        return [None if one is None else one.hex() for one in ids]
    if name in ("instrumentation:name", "instrumentation:version"):
        field = name.partition(":")[2]
        return _wire(block, rows, "scope", lambda b: getattr(otlp.scope(b), field))
    return _nothing(len(rows))


def _span(block: _Readable, rows: Rows, key: str) -> Sequence[Value] | Coded:
    there = block.names()
    names = [name for kind in ATTRIBUTE_TYPES if (name := attribute_column(kind, key)) in there]
    taken = pa.array(rows)
    found: Sequence[Value] | Coded = _nothing(len(rows))
    for index, name in enumerate(names):
        values = _values(columns_of(block.read([name]), name).take(taken))
        found = values if index == 0 else _first(found, values)
    rest = columns_of(block.read(["rest"]), "rest")
    if rest.null_count == len(rest):
        return found
    shared: list[Value] = [None] * len(rows)
    for index, pairs in enumerate(rest.take(taken).to_pylist()):
        for encoded in pairs or ():
            name, value = otlp.key_value(encoded)
            if name == key:
                shared[index] = value
    return _first(found, shared)


def _nothing(rows: int) -> Coded:
    codes: Any = np.zeros(rows, np.int64)
    return Coded(codes, [None])


def _values(array: pa.Array) -> Sequence[Value] | Coded:
    if isinstance(array, pa.DictionaryArray):
        values = array.dictionary.to_pylist()
        codes = array.indices.fill_null(len(values)) if array.null_count else array.indices
        return Coded(codes.to_numpy(), [*values, None])
    if pa.types.is_integer(array.type) or pa.types.is_boolean(array.type):
        distinct = array.dictionary_encode()
        return _values(distinct)
    listed: list[Value] = array.to_pylist()
    return listed


def _wire(block: _Readable, rows: Rows, name: str, get: Callable[[bytes], Value]) -> Coded:
    array = columns_of(block.read([name]), name)
    values = [get(encoded) for encoded in array.dictionary.to_pylist()]
    return Coded(array.indices.to_numpy()[rows], values)


def _first(preferred: Sequence[Value] | Coded, otherwise: Sequence[Value] | Coded) -> Sequence[Value]:
    return [b if a is None else a for a, b in zip(_plain(preferred), _plain(otherwise), strict=True)]


def _plain(values: Sequence[Value] | Coded) -> Sequence[Value]:
    if isinstance(values, Coded):
        return [values.values[code] for code in np.asarray(values.codes).tolist()]
    return values


def _listed(block: _Readable, rows: Rows, attribute: Attribute) -> list[Value]:
    events = attribute.scope is AttributeScope.EVENT
    lists = columns_of(block.read(["events" if events else "links"]), "events" if events else "links")
    decode: Callable[[bytes], Any] = otlp.event if events else otlp.link
    made = (decode(encoded) for encoded in lists.take(pa.array(rows)).flatten().to_pylist())
    return [value for one in made if (value := one.attributes.get(attribute.name)) is not None]


def _hashable(value: Value) -> Value:
    return repr(value) if isinstance(value, dict) else value

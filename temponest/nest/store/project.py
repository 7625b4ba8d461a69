"""Attributes of chosen rows as columns of values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeAlias, overload

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

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


class _Once:
    """The columns that attributes stand in, several in one, read once; and the rows that are asked for."""

    def __init__(self, block: Block, rows: Rows, attributes: Iterable[Attribute]) -> None:
        self.names = block.names()
        self.rows = rows
        wanted = {name for attribute in attributes for name in _places(attribute, self.names)}
        # Read at once, decoded when asked for: a segment that cannot be read is found out here.
        self._table = block.read(sorted(wanted))

    def read(self, name: str) -> pa.Array:
        """One column over all rows."""
        return columns_of(self._table, name)

    @cached_property
    def rest(self) -> Mapping[str, tuple[list[int], list[Value]]]:
        """Attributes without a column of their own: for each the rows that have it, and their values."""
        found: dict[str, tuple[list[int], list[Value]]] = {}
        column = self.read("rest")
        if column.null_count == len(column):
            return found
        taken = column.take(pa.array(self.rows))
        at = pc.list_parent_indices(taken).to_pylist()
        for row, encoded in zip(at, taken.flatten().to_pylist(), strict=True):
            name, value = otlp.key_value(encoded)
            where, values = found.setdefault(name, ([], []))
            where.append(row)
            values.append(value)
        return found


class _Attributes(Mapping[Attribute, "Sequence[Value] | Coded"]):
    """Columns by attribute, each made when it is asked for: there may be thousands of them."""

    def __init__(self, once: _Once, attributes: Sequence[Attribute]) -> None:
        self._once = once
        self._wanted = dict.fromkeys(attributes)

    def __getitem__(self, attribute: Attribute) -> Sequence[Value] | Coded:
        if attribute not in self._wanted:
            raise KeyError(attribute)
        return _column(self._once, attribute)

    def __iter__(self) -> Iterator[Attribute]:
        return iter(self._wanted)

    def __len__(self) -> int:
        return len(self._wanted)


def project(block: Block, rows: Rows, attributes: Sequence[Attribute]) -> Columns:
    """Ids, times and the attributes of some rows of a block."""
    table = block.read(["start_ns", "duration_ns"])
    return Columns(
        trace_ids=_Ids(block, "trace_id", rows),
        span_ids=_Ids(block, "span_id", rows),
        start_ns=columns_of(table, "start_ns").to_numpy()[rows],
        duration_ns=np.maximum(columns_of(table, "duration_ns").to_numpy()[rows], 0),
        attributes=_Attributes(_Once(block, rows, attributes), attributes),
    )


def count_values(block: Block, rows: Rows, attribute: Attribute) -> Counter[tuple[type, Value]]:
    """How often each value of an attribute occurs at some rows; 1, 1.0 and True are three values."""
    counts: Counter[tuple[type, Value]] = Counter()
    if attribute.scope in (AttributeScope.EVENT, AttributeScope.LINK):
        for value in _listed(_Once(block, rows, [attribute]), attribute):
            counts[type(value), _hashable(value)] += 1
        return counts
    found = _column(_Once(block, rows, [attribute]), attribute)
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


def _places(attribute: Attribute, there: Collection[str]) -> Iterable[str]:
    """The columns of a block that an attribute may stand in."""
    name, scope = attribute.name, attribute.scope
    if scope in (AttributeScope.SPAN, AttributeScope.ANY):
        yield from (one for kind in ATTRIBUTE_TYPES if (one := attribute_column(kind, name)) in there)
        yield "rest"
    if scope in (AttributeScope.RESOURCE, AttributeScope.ANY):
        yield "resource"
    if scope is AttributeScope.INSTRUMENTATION or name.startswith("instrumentation:"):
        yield "scope"
    if scope is AttributeScope.INTRINSIC and name in {**_DIRECT, **_IDS}:
        yield {**_DIRECT, **_IDS}[name]
    if scope in (AttributeScope.EVENT, AttributeScope.LINK):
        yield "events" if scope is AttributeScope.EVENT else "links"


def _column(once: _Once, attribute: Attribute) -> Sequence[Value] | Coded:
    """The values of an attribute, None where there is none."""
    name = attribute.name
    match attribute.scope:
        case AttributeScope.SPAN:
            return _span(once, name)
        case AttributeScope.RESOURCE:
            return _wire(once, "resource", lambda b: otlp.resource(b).attributes.get(name))
        case AttributeScope.INSTRUMENTATION:
            return _wire(once, "scope", lambda b: otlp.scope(b).attributes.get(name))
        case AttributeScope.ANY:
            return _first(
                _span(once, name),
                _wire(once, "resource", lambda b: otlp.resource(b).attributes.get(name)),
            )
        case AttributeScope.INTRINSIC:
            return _intrinsic(once, name)
        case _:
            # A span has many events and links: no single value stands for them.
            return _nothing(len(once.rows))


def _intrinsic(once: _Once, name: str) -> Sequence[Value] | Coded:
    if name in _DIRECT:
        return _values(once.read(_DIRECT[name]).take(pa.array(once.rows)))
    if name in _IDS:
        ids = once.read(_IDS[name]).take(pa.array(once.rows)).to_pylist()
        return [None if one is None else one.hex() for one in ids]
    if name in ("instrumentation:name", "instrumentation:version"):
        field = name.partition(":")[2]
        return _wire(once, "scope", lambda b: getattr(otlp.scope(b), field))
    return _nothing(len(once.rows))


def _span(once: _Once, key: str) -> Sequence[Value] | Coded:
    names = [name for kind in ATTRIBUTE_TYPES if (name := attribute_column(kind, key)) in once.names]
    found: Sequence[Value] | Coded = _nothing(len(once.rows))
    for index, name in enumerate(names):
        values = _values(once.read(name).take(pa.array(once.rows)))
        found = values if index == 0 else _first(found, values)
    at, shared = once.rest.get(key, ([], []))
    if not at:
        return found
    codes: Any = np.zeros(len(once.rows), np.int64)
    codes[at] = np.arange(1, len(at) + 1)
    some = Coded(codes, [None, *shared])
    return _first(found, some) if names else some


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


def _wire(once: _Once, name: str, get: Callable[[bytes], Value]) -> Coded:
    array = once.read(name)
    values = [get(encoded) for encoded in array.dictionary.to_pylist()]
    return Coded(array.indices.to_numpy()[once.rows], values)


def _first(preferred: Sequence[Value] | Coded, otherwise: Sequence[Value] | Coded) -> Sequence[Value]:
    return [b if a is None else a for a, b in zip(_plain(preferred), _plain(otherwise), strict=True)]


def _plain(values: Sequence[Value] | Coded) -> Sequence[Value]:
    if isinstance(values, Coded):
        return [values.values[code] for code in np.asarray(values.codes).tolist()]
    return values


def _listed(once: _Once, attribute: Attribute) -> list[Value]:
    events = attribute.scope is AttributeScope.EVENT
    lists = once.read("events" if events else "links")
    decode: Callable[[bytes], Any] = otlp.event if events else otlp.link
    made = (decode(encoded) for encoded in lists.take(pa.array(once.rows)).flatten().to_pylist())
    return [value for one in made if (value := one.attributes.get(attribute.name)) is not None]


def _hashable(value: Value) -> Value:
    return repr(value) if isinstance(value, dict) else value

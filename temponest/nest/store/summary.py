"""What a segment holds, small enough to decide without opening it. See docs/format/segment.md."""

from __future__ import annotations

import json
import os
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ..model.fetch import Attribute, AttributeScope, Condition, FetchRequest, Operand, Operator
from ..model.span import Attributes, Value
from . import bloom, otlp
from .arrays import columns_of
from .block import MemoryBlock
from .errors import Corrupt
from .filter import parse_id
from .filters import TRACE_SEED, Asking, FilterMemory, Filters
from .layout import write_atomically
from .names import attribute_names, operations
from .schema import SPANS, Shape, attribute_of

MAGIC = b"NESTSUM1"
# magic, length of the JSON part, its checksum, length of the trace filter, length of the value filter
HEAD = struct.Struct("<8sIIII")
# Decoding an event costs microseconds; above this many their attributes are not in the summary.
_EVENTS = 20_000
# Names of operations are meant to be few; a service that puts ids into them gets no list.
_OPERATIONS = 20_000
# A page of traces is looked up in every segment, so a wrong yes there costs most.
_TRACE_BITS, _VALUE_BITS = 20, 12
_LISTED = (AttributeScope.EVENT, AttributeScope.LINK)


@dataclass
class Summary:
    """The part of a summary that is kept in memory; the filters stay in the file.

    Attributes:
        ranges: least and greatest value of numeric columns.
        names: attribute names by scope.
        rest: names of attributes without a column of their own.
        services: operations (name, kind) by service; a service with too many has None.
        listed: False when there are too many events and links to know their attributes.
    """

    ranges: dict[str, tuple[float, float]] = field(default_factory=dict)
    names: dict[str, list[str]] = field(default_factory=dict)
    rest: list[str] = field(default_factory=list)
    services: dict[str, list[tuple[str, int]] | None] = field(default_factory=dict)
    listed: bool = True


def summarize(table: pa.Table, shape: Shape) -> tuple[Summary, bytes, bytes]:
    """The summary of a table, its trace filter and its value filter."""
    block = MemoryBlock(table, shape)
    lists = [name for name in ("events", "links") if name in shape.fixed.names]
    listed = sum(len(columns_of(table, name).flatten()) for name in lists) <= _EVENTS
    names = attribute_names(block, listed=False)
    rest = set[str]()
    hashes: list[np.ndarray[Any, np.dtype[np.uint64]]] = []
    ranges: dict[str, tuple[float, float]] = {}
    for column in table.schema.names:
        described = attribute_of(column)
        if described is not None:
            values = columns_of(table, column)
            hashes.append(_hash_column(AttributeScope.SPAN, described[1], values))
            if described[0] in ("int", "float"):
                ranges |= _range(column, values)
    for column in shape.ranges:
        ranges |= _range(column, columns_of(table, column))
    for encoded in set(columns_of(table, "rest").flatten().to_pylist()):
        rest.add(otlp.key_value(encoded)[0])
    for column, name in shape.texts.items():
        hashes.append(_hash_column(AttributeScope.INTRINSIC, name, columns_of(table, column)))
    for encoded in columns_of(table, "resource").unique().to_pylist():
        hashes += _hash_all(AttributeScope.RESOURCE, otlp.resource(encoded).attributes)
    for encoded in columns_of(table, "scope").unique().to_pylist():
        scope = otlp.scope(encoded)
        hashes += _hash_all(AttributeScope.INSTRUMENTATION, scope.attributes)
        own: dict[str, Value] = {"instrumentation:name": scope.name, "instrumentation:version": scope.version}
        hashes += _hash_all(AttributeScope.INTRINSIC, own)
    if lists and listed:
        own_names, own_hashes = _listed(table)
        names |= own_names
        hashes += own_hashes
    by_service = operations(block) if shape is SPANS else {}
    summary = Summary(
        ranges=ranges,
        names={scope.value: sorted(found) for scope, found in names.items() if found},
        rest=sorted(rest),
        services={name: None if len(found) > _OPERATIONS else found for name, found in by_service.items()},
        listed=listed,
    )
    ids = columns_of(table, "trace_id").unique().drop_null().to_pylist()
    traces = bloom.build(bloom.hash_values(TRACE_SEED, ids), _TRACE_BITS)
    return summary, traces, bloom.build(np.concatenate(hashes), _VALUE_BITS)


def write(path: Path, summary: Summary, traces: bytes, values: bytes) -> None:
    """Write a summary file, atomically."""
    text = json.dumps(asdict(summary), separators=(",", ":")).encode()
    head = HEAD.pack(MAGIC, len(text), zlib.crc32(text), len(traces), len(values))
    write_atomically(path, head + text + traces + values)


class SummaryFile:
    """A summary: the JSON part in memory, and the filters as long as there is room.

    Args:
        path: the file.
        memory: room for the filters; without it they stay in the file.

    Raises:
        Corrupt: the file is not a summary, or not the one that was written.
        FileNotFoundError: there is none.
    """

    def __init__(self, path: Path, memory: FilterMemory | None = None) -> None:
        with path.open("rb") as file:
            head = file.read(HEAD.size)
            if len(head) < HEAD.size or head[: len(MAGIC)] != MAGIC:
                raise Corrupt(path, 0, "not a segment summary")
            _, length, checksum, traces, values = HEAD.unpack(head)
            text = file.read(length)
            size = os.fstat(file.fileno()).st_size
            if zlib.crc32(text) != checksum or size != HEAD.size + length + traces + values:
                raise Corrupt(path, HEAD.size, "bad checksum or length")
            self._filters = Filters(file, traces, values, memory)
        self.summary = Summary(**json.loads(text))
        self.summary.services = {
            name: pairs if pairs is None else [(operation, kind) for operation, kind in pairs]
            for name, pairs in self.summary.services.items()
        }
        self._columns = {
            scope: frozenset(self.summary.names.get(scope.value, ())) for scope in AttributeScope
        }

    def among(self, trace_ids: Sequence[bytes]) -> list[bytes]:
        """Those of the traces that may be in the segment."""
        with self._filters.asking() as filters:
            return filters.among(trace_ids)

    def may_match(self, request: FetchRequest) -> bool:
        """Whether a span of the segment may satisfy the conditions, of which there is at least one."""
        every = all if request.all_conditions else any
        with self._filters.asking() as filters:
            return every(self._condition(filters, one) for one in request.conditions)

    def _condition(self, filters: Asking, condition: Condition) -> bool:
        if condition.operator is Operator.ABSENT:
            return True
        names = (condition.attribute, *condition.aliases)
        return any(self._attribute(filters, one, condition) for one in names)

    def _attribute(self, filters: Asking, attribute: Attribute, condition: Condition) -> bool:
        scope, name = attribute.scope, attribute.name
        if scope is AttributeScope.ANY:
            return any(
                self._attribute(filters, Attribute(one, name), condition)
                for one in (AttributeScope.SPAN, AttributeScope.RESOURCE)
            )
        if scope is AttributeScope.INTRINSIC:
            return self._intrinsic(filters, name, condition)
        if scope in _LISTED and not self.summary.listed:
            return True
        if name not in self._columns[scope]:
            return False
        if (
            scope is AttributeScope.SPAN
            and name not in self.summary.rest
            and self._out_of_range([f"int:{name}", f"float:{name}"], condition)
        ):
            return False
        if condition.operator is not Operator.EQ or (
            scope is AttributeScope.SPAN and name in self.summary.rest
        ):
            return True
        return any(self._value(filters, scope, name, operand) for operand in condition.operands)

    def _intrinsic(self, filters: Asking, name: str, condition: Condition) -> bool:
        column = {"duration": "duration_ns", "kind": "kind", "status": "status"}.get(name)
        if column is not None:
            return not self._out_of_range([column], condition)
        if condition.operator is not Operator.EQ:
            return True
        if name == "trace:id":
            ids = [parse_id(operand, 16) for operand in condition.operands]
            return bool(filters.among([one for one in ids if one is not None]))
        if name in ("name", "statusMessage", "instrumentation:name", "instrumentation:version") or (
            name == "event:name" and self.summary.listed
        ):
            # Empty text is no value of a column, so the filter knows nothing of it.
            return "" in condition.operands or any(
                self._value(filters, AttributeScope.INTRINSIC, name, operand)
                for operand in condition.operands
            )
        return True

    def _out_of_range(self, columns: Sequence[str], condition: Condition) -> bool:
        """Whether no number in the columns can satisfy a comparison of numbers."""
        operands = [one for one in condition.operands if not isinstance(one, str | bool)]
        if len(operands) < len(condition.operands) or not operands:
            return False
        ranges = [self.summary.ranges[column] for column in columns if column in self.summary.ranges]
        return not any(
            _reaches(low, high, condition.operator, one) for low, high in ranges for one in operands
        )

    def _value(self, filters: Asking, scope: AttributeScope, name: str, operand: Operand) -> bool:
        return filters.has_value(_value_probe(scope, name, operand))


@lru_cache(maxsize=256, typed=True)
def _value_probe(scope: AttributeScope, name: str, operand: Operand) -> bloom.Probe:
    return bloom.Probe(_seed(scope, name), _canonical(operand))


def _reaches(low: float, high: float, operator: Operator, operand: float) -> bool:
    match operator:
        case Operator.EQ:
            return low <= operand <= high
        case Operator.LT:
            return low < operand
        case Operator.LE:
            return low <= operand
        case Operator.GT:
            return high > operand
        case Operator.GE:
            return high >= operand
        case _:
            return True


def _seed(scope: AttributeScope, name: str) -> int:
    return zlib.crc32(f"{scope.value} {name}".encode())


def _canonical(value: Value) -> bytes:
    """Bytes that are equal for values that compare as equal."""
    if isinstance(value, str):
        return b"s" + value.encode("utf-8", "surrogatepass")
    if isinstance(value, bool):
        return b"t" if value else b"f"
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return f"n{value!r}".encode()


def _hash_column(scope: AttributeScope, name: str, values: pa.Array) -> np.ndarray[Any, np.dtype[np.uint64]]:
    """The hashes of the values that occur, a column of text without an object for each."""
    if not pa.types.is_dictionary(values.type):
        return _hash(scope, name, values.unique().drop_null().to_pylist())
    occurring = values.dictionary.take(values.indices.unique().drop_null())
    canonical = pc.binary_join_element_wise(pa.scalar(b"s"), occurring.cast(pa.binary()), pa.scalar(b""))
    return bloom.hash_values(_seed(scope, name), canonical.to_pylist())


def _hash(scope: AttributeScope, name: str, values: Iterable[Value]) -> np.ndarray[Any, np.dtype[np.uint64]]:
    return bloom.hash_values(_seed(scope, name), map(_canonical, values))


def _hash_all(
    scope: AttributeScope, attributes: dict[str, Value]
) -> list[np.ndarray[Any, np.dtype[np.uint64]]]:
    """An array counts by its elements, since it satisfies what one of them does."""
    return [
        _hash(scope, name, value if isinstance(value, tuple) else (value,))
        for name, value in attributes.items()
        if not isinstance(value, dict | bytes)
    ]


def _listed(
    table: pa.Table,
) -> tuple[dict[AttributeScope, set[str]], list[np.ndarray[Any, np.dtype[np.uint64]]]]:
    """Attribute names of events and links, and hashes of what they hold; each value that occurs once."""
    names: dict[AttributeScope, set[str]] = {scope: set() for scope in _LISTED}
    found: defaultdict[tuple[AttributeScope, str], set[bytes]] = defaultdict(set)

    def take(scope: AttributeScope, attributes: Attributes) -> None:
        names[scope].update(attributes)
        for name, value in attributes.items():
            if not isinstance(value, dict | bytes):
                found[scope, name].update(map(_canonical, value if isinstance(value, tuple) else (value,)))

    for encoded in columns_of(table, "events").flatten().to_pylist():
        event = otlp.event(encoded)
        take(AttributeScope.EVENT, event.attributes)
        found[AttributeScope.INTRINSIC, "event:name"].add(_canonical(event.name))
    for encoded in columns_of(table, "links").flatten().to_pylist():
        take(AttributeScope.LINK, otlp.link(encoded).attributes)
    return names, [bloom.hash_values(_seed(*of), values) for of, values in found.items()]


def _range(column: str, values: pa.Array) -> dict[str, tuple[float, float]]:
    bounds = pc.min_max(values)
    low, high = bounds["min"].as_py(), bounds["max"].as_py()
    return {} if low is None else {column: (low, high)}

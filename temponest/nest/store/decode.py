"""Bodies to columns, thousands of spans at a time. The layout of the result is in schema.py."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from opentelemetry.proto.resource.v1.resource_pb2 import Resource as ResourceMessage

from .schema import ATTRIBUTE_TYPES, FIXED, TEXT, attribute_column
from .wire import Wire

Ints: TypeAlias = npt.NDArray[np.int64]

# Attributes of one span that are kept: the first of them, the others count as dropped. SDKs keep 128.
ATTRIBUTES = 1_024

_REST = "rest"
_KINDS = (*ATTRIBUTE_TYPES, _REST)
_INT64_MAX = np.iinfo(np.int64).max
_UINT32_MAX = np.iinfo(np.uint32).max
# Slots (key and type) are sorted as 16-bit numbers, which NumPy sorts by radix; beyond that it falls back.
_RADIX = 1 << 16


class Decoder:
    """Turns bodies into tables. Not thread-safe: it remembers which attributes have columns.

    Args:
        columns: how many attributes may have a column of their own until `renew` is called.
    """

    def __init__(self, columns: int) -> None:
        self._wire = Wire()
        self._columns = columns
        self._known: set[str] = set()
        self.dropped = 0
        """Spans left out because they have no id, or one longer than OTLP allows."""

    def renew(self) -> None:
        """Forget which attributes have columns: a new segment begins."""
        self._known = set()

    def decode(self, bodies: Sequence[bytes]) -> pa.Table:
        """All spans of the bodies in their order.

        Raises:
            ValueError: one of the bodies is no `ExportTraceServiceRequest`; none was taken.
        """
        resource_spans = self._wire.requests(bodies).flatten()
        scope_lists = resource_spans.field("scope_spans")
        scope_spans = scope_lists.flatten()
        span_lists = scope_spans.field("spans")
        spans = span_lists.flatten()
        if not len(spans):
            return FIXED.empty_table()
        scope_of = _parents(span_lists)
        resource_of = _parents(scope_lists)[scope_of]
        attributes, dropped = _capped(spans.field("attributes"), spans.field("dropped_attributes"))
        columns: dict[str, pa.Array] = {
            "trace_id": _ids(spans.field("trace_id"), 16),
            "span_id": _ids(spans.field("span_id"), 8),
            "parent_span_id": _ids(spans.field("parent_span_id"), 8),
            "name": _text(spans.field("name")),
            "kind": pc.cast(spans.field("kind"), pa.int8(), safe=False),
            **_times(spans),
            **self._statuses(spans.field("status")),
            **_resources(resource_spans.field("resource"), resource_of),
            "scope": _spread(scope_spans.field("scope").dictionary_encode(), scope_of),
            "trace_state": _text(spans.field("trace_state"), empty_is_null=True),
            "flags": spans.field("flags"),
            "dropped_attributes": dropped,
            "dropped_events": spans.field("dropped_events"),
            "dropped_links": spans.field("dropped_links"),
            "events": _null_when_empty(spans.field("events")),
            "links": _null_when_empty(spans.field("links")),
            **self._attributes(attributes),
        }
        fixed = [_own(columns.pop(name)) for name in FIXED.names]
        schema = FIXED
        for name, array in columns.items():
            schema = schema.append(pa.field(name, array.type))
        table = pa.Table.from_arrays([*fixed, *columns.values()], schema=schema)
        bad = pc.or_(pc.is_null(columns_of(table, "trace_id")), pc.is_null(columns_of(table, "span_id")))
        count = pc.sum(bad).as_py()
        if count:
            self.dropped += count
            table = table.filter(pc.invert(bad))
        return table

    def _statuses(self, encoded: pa.BinaryArray) -> dict[str, pa.Array]:
        distinct = encoded.dictionary_encode()
        codes, messages = self._wire.statuses(distinct.dictionary)
        of = distinct.indices.to_numpy()
        message = _text(messages, empty_is_null=True)
        return {
            "status": pc.cast(codes, pa.int8(), safe=False).take(distinct.indices),
            "status_message": _spread(message, of),
        }

    def _attributes(self, lists: pa.ListArray) -> dict[str, pa.Array]:
        """A column for each slot (key and type) that may have one, and `rest`.

        Distinct attributes are sorted by slot, so that the values of a slot are a range of them, and
        occurrences likewise, so that the spans of a slot are a range of them.
        """
        rows = len(lists)
        distinct = lists.flatten().dictionary_encode()
        codes = distinct.indices.to_numpy()
        keys, values = self._wire.key_values(distinct.dictionary)
        key_codes, names = _keys(keys)
        kind_codes = _kinds(values)
        slots = key_codes * len(_KINDS) + kind_codes
        slot_type = np.uint16 if len(names) * len(_KINDS) < _RADIX else np.int64
        by_slot = np.argsort(slots.astype(slot_type), kind="stable")
        rank = np.empty(len(slots), np.int32)
        rank[by_slot] = np.arange(len(slots), dtype=np.int32)
        occurrence_slots = slots.astype(slot_type)[codes]
        by_occurrence = np.argsort(occurrence_slots, kind="stable")
        row_of = _parents(lists)[by_occurrence]
        ranks = rank[codes[by_occurrence]]
        members = [_string(values.field("str").take(pa.array(by_slot)))]
        members += [_numbers(values.field(kind), by_slot) for kind in ("int", "float", "bool")]
        value_bounds = np.searchsorted(slots[by_slot], np.arange(len(names) * len(_KINDS) + 1))
        bounds = np.searchsorted(occurrence_slots[by_occurrence], np.arange(len(names) * len(_KINDS) + 1))
        built: dict[str, pa.Array] = {}
        in_rest = kind_codes == _KINDS.index(_REST)
        present = np.unique(slots)
        # The most frequent first: they get the columns when there are more attributes than columns.
        for slot in present[np.argsort(-(bounds[present + 1] - bounds[present]), kind="stable")].tolist():
            key, kind = names[slot // len(_KINDS)], _KINDS[slot % len(_KINDS)]
            if kind == _REST:
                continue
            name = attribute_column(kind, key)
            if not self._admit(name):
                in_rest |= slots == slot
                continue
            low, high = bounds[slot], bounds[slot + 1]
            at, which = row_of[low:high], ranks[low:high]
            first, last = value_bounds[slot], value_bounds[slot + 1]
            built[name] = _column(rows, at, which, members[slot % len(_KINDS)], first, last)
        built[_REST] = _rest(lists, distinct, in_rest)
        return built

    def _admit(self, name: str) -> bool:
        if name not in self._known:
            if len(self._known) >= self._columns:
                return False
            self._known.add(name)
        return True


def columns_of(table: pa.Table, name: str) -> pa.Array:
    """A column of a table as one array."""
    column = table.column(name)
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _capped(attributes: pa.ListArray, dropped: pa.UInt32Array) -> tuple[pa.ListArray, pa.UInt32Array]:
    """The first attributes of each span, and how many it lost in all."""
    surplus = np.maximum(np.diff(attributes.offsets.to_numpy()) - ATTRIBUTES, 0)
    if not surplus.any():
        return attributes, dropped
    total = dropped.to_numpy().astype(np.int64) + surplus
    return pc.list_slice(attributes, 0, ATTRIBUTES), pa.array(np.minimum(total, _UINT32_MAX), pa.uint32())


def _own(array: pa.Array) -> pa.Array:
    """A copy: what the wire decoder made is freed only as a whole, attributes of all spans included."""
    return pa.concat_arrays([array])


def _parents(lists: pa.ListArray) -> Ints:
    """For each element of the flattened lists, which list it comes from."""
    return np.repeat(np.arange(len(lists)), np.diff(lists.offsets.to_numpy()))


def _spread(distinct: pa.DictionaryArray, of: Ints) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(distinct.indices.take(pa.array(of)), distinct.dictionary)


def _string(encoded: pa.BinaryArray) -> pa.StringArray:
    """Bytes as text. Receivers refuse what is not UTF-8; what slips through is repaired, not lost."""
    try:
        return encoded.cast(pa.string())
    except pa.ArrowInvalid:
        return pa.array(
            [None if v is None else v.decode("utf-8", "replace") for v in encoded.to_pylist()], pa.string()
        )


def _text(encoded: pa.BinaryArray, *, empty_is_null: bool = False) -> pa.DictionaryArray:
    distinct = encoded.dictionary_encode()
    values = _string(distinct.dictionary)
    if not empty_is_null:
        return pa.DictionaryArray.from_arrays(distinct.indices, values)
    empty = pc.index(values, "").as_py()
    if empty < 0:
        return pa.DictionaryArray.from_arrays(distinct.indices, values)
    if len(values) == 1:
        return pa.nulls(len(encoded), TEXT)
    codes = distinct.indices.to_numpy()
    return pa.DictionaryArray.from_arrays(pa.array(codes, mask=codes == empty), values)


def _ids(encoded: pa.BinaryArray, size: int) -> pa.FixedSizeBinaryArray:
    """Ids as `size` bytes: shorter ones are padded on the left, empty and longer ones are null."""
    lengths = np.diff(np.frombuffer(encoded.buffers()[1], np.int32, len(encoded) + 1, encoded.offset * 4))
    if (lengths == size).all():
        return pc.cast(encoded, pa.binary(size))
    if ((lengths == size) | (lengths == 0)).all():
        return pc.cast(pc.if_else(pa.array(lengths == size), encoded, None), pa.binary(size))
    padded = [v.rjust(size, b"\0") if 0 < len(v) <= size else None for v in encoded.to_pylist()]
    return pa.array(padded, pa.binary(size))


def _times(spans: pa.StructArray) -> dict[str, pa.Array]:
    """Start and duration. Times beyond the year 2262 are cut there, where 64 signed bits end."""
    start = np.minimum(spans.field("start").to_numpy(), _INT64_MAX).astype(np.int64)
    end = np.minimum(spans.field("end").to_numpy(), _INT64_MAX).astype(np.int64)
    return {"start_ns": pa.array(start), "duration_ns": pa.array(end - start)}


def _resources(encoded: pa.BinaryArray, of: Ints) -> dict[str, pa.Array]:
    distinct = encoded.dictionary_encode()
    names = pa.array([_service(value) for value in distinct.dictionary.to_pylist()], pa.string())
    services = names.dictionary_encode()
    code = services.indices.take(distinct.indices).take(pa.array(of))
    return {
        "resource": _spread(distinct, of),
        "service": pa.DictionaryArray.from_arrays(code, services.dictionary),
    }


def _service(resource: bytes) -> str:
    for attribute in ResourceMessage.FromString(resource).attributes:
        if attribute.key == "service.name" and attribute.value.string_value:
            return str(attribute.value.string_value)
    return "unknown_service"


def _null_when_empty(lists: pa.ListArray) -> pa.ListArray:
    offsets = lists.offsets
    empty = np.diff(offsets.to_numpy()) == 0
    if empty.all():
        return pa.nulls(len(lists), lists.type)
    return pa.ListArray.from_arrays(offsets, lists.values, mask=pa.array(empty))


def _keys(keys: pa.BinaryArray) -> tuple[Ints, list[str]]:
    distinct = keys.dictionary_encode()
    return distinct.indices.to_numpy().astype(np.int64), _string(distinct.dictionary).to_pylist()


def _kinds(values: pa.StructArray) -> Ints:
    kinds = np.full(len(values), _KINDS.index(_REST), np.int64)
    for code, kind in enumerate(ATTRIBUTE_TYPES):
        kinds[values.field(kind).is_valid().to_numpy(zero_copy_only=False)] = code
    return kinds


def _numbers(member: pa.Array, order: Ints) -> npt.NDArray[Any]:
    filled = pc.fill_null(member, False if pa.types.is_boolean(member.type) else 0)
    numbers: npt.NDArray[Any] = filled.to_numpy(zero_copy_only=False)[order]
    return numbers


def _column(rows: int, at: Ints, which: Ints, member: Any, first: int, last: int) -> pa.Array:
    """One attribute: at rows `at` the values `member[which]`, all of which are `member[first:last]`."""
    if isinstance(member, pa.Array):
        codes = np.full(rows, -1, np.int32)
        codes[at] = which - first
        indices = pa.array(codes, mask=codes < 0) if len(at) < rows else pa.array(codes)
        return pa.DictionaryArray.from_arrays(indices, member.slice(first, last - first))
    values = np.zeros(rows, member.dtype)
    values[at] = member[which]
    absent = np.ones(rows, np.bool_)
    absent[at] = False
    return pa.array(values, mask=absent)


def _rest(lists: pa.ListArray, distinct: pa.DictionaryArray, in_rest: npt.NDArray[np.bool_]) -> pa.ListArray:
    """Of each span's attributes those that have no column."""
    if not in_rest.any():
        return pa.nulls(len(lists), lists.type)
    chosen = in_rest[distinct.indices.to_numpy()]
    counts = np.bincount(_parents(lists)[chosen], minlength=len(lists))
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    values = lists.flatten().filter(pa.array(chosen))
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(counts == 0))

"""Attributes to columns: each distinct attribute is decoded once, however often it occurs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from .arrays import Ints, parents, string
from .schema import ATTRIBUTE_TYPES, attribute_column
from .wire import Wire

# Attributes of one row that are kept: the first of them, the others count as dropped. SDKs keep 128.
ATTRIBUTES = 1_024

_REST = "rest"
_KINDS = (*ATTRIBUTE_TYPES, _REST)
_UINT32_MAX = np.iinfo(np.uint32).max
# Slots (key and type) are sorted as 16-bit numbers, which NumPy sorts by radix; beyond that it falls back.
_RADIX = 1 << 16


class AttributeColumns:
    """Turns lists of encoded attributes into columns. Not thread-safe: it remembers which have columns.

    Args:
        wire: the decoder of single attributes.
        columns: how many attributes may have a column of their own until `renew` is called.
    """

    def __init__(self, wire: Wire, columns: int) -> None:
        self._wire = wire
        self._columns = columns
        self._known: set[str] = set()

    def renew(self) -> None:
        """Forget which attributes have columns: a new segment begins."""
        self._known = set()

    def decode(self, lists: pa.ListArray) -> dict[str, pa.Array]:
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
        row_of = parents(lists)[by_occurrence]
        ranks = rank[codes[by_occurrence]]
        members = [string(values.field("str").take(pa.array(by_slot)))]
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


def capped(attributes: pa.ListArray, dropped: pa.UInt32Array) -> tuple[pa.ListArray, pa.UInt32Array]:
    """The first attributes of each span, and how many it lost in all."""
    surplus = np.maximum(np.diff(attributes.offsets.to_numpy()) - ATTRIBUTES, 0)
    if not surplus.any():
        return attributes, dropped
    total = dropped.to_numpy().astype(np.int64) + surplus
    return pc.list_slice(attributes, 0, ATTRIBUTES), pa.array(np.minimum(total, _UINT32_MAX), pa.uint32())


def _keys(keys: pa.BinaryArray) -> tuple[Ints, list[str]]:
    distinct = keys.dictionary_encode()
    return distinct.indices.to_numpy().astype(np.int64), string(distinct.dictionary).to_pylist()


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
    counts = np.bincount(parents(lists)[chosen], minlength=len(lists))
    offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
    values = lists.flatten().filter(pa.array(chosen))
    return pa.ListArray.from_arrays(pa.array(offsets), values, mask=pa.array(counts == 0))

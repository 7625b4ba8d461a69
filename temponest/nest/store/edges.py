"""Calls between services: spans whose parent belongs to another service."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..model.fetch import FetchRequest
from ..model.source import Edge
from . import filter as row_filter
from .block import Block
from .decode import columns_of

Ids: TypeAlias = npt.NDArray[np.uint64]
Codes: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Calls:
    """The spans of a block by id and service, and for those with a parent the parent and own service."""

    services: list[str]
    ids: Ids
    service_of_id: Codes
    parents: Ids
    service_of_child: Codes


def calls(block: Block, request: FetchRequest) -> Calls:
    """What a block knows: any of its spans may be a parent, those in the window are children."""
    table = block.read(["span_id", "parent_span_id", "service"])
    service, parent = columns_of(table, "service"), columns_of(table, "parent_span_id")
    codes = service.indices.to_numpy()
    rows = row_filter.rows(block, request)
    rows = rows[parent.is_valid().to_numpy(zero_copy_only=False)[rows]]
    ids = _numbers(columns_of(table, "span_id"))
    return Calls(service.dictionary.to_pylist(), ids, codes, _numbers(parent)[rows], codes[rows])


def edges(blocks: Sequence[Calls]) -> list[Edge]:
    """Edges over all blocks, sorted by parent then child; parent and child may be in different blocks."""
    if not blocks:
        return []
    names: dict[str, int] = {}
    renumber = [np.array([names.setdefault(name, len(names)) for name in one.services]) for one in blocks]
    ids = np.concatenate([one.ids for one in blocks])
    service_of_id = np.concatenate(
        [new[one.service_of_id] for new, one in zip(renumber, blocks, strict=True)]
    )
    parents = np.concatenate([one.parents for one in blocks])
    callee = np.concatenate([new[one.service_of_child] for new, one in zip(renumber, blocks, strict=True)])
    order = np.argsort(ids)
    at = np.minimum(np.searchsorted(ids, parents, sorter=order), len(order) - 1)
    caller = service_of_id[order[at]]
    between = (ids[order[at]] == parents) & (caller != callee)
    pairs, tallies = np.unique(caller[between] * len(names) + callee[between], return_counts=True)
    by_code = list(names)
    found = [
        Edge(by_code[pair // len(names)], by_code[pair % len(names)], tally)
        for pair, tally in zip(pairs.tolist(), tallies.tolist(), strict=True)
    ]
    return sorted(found, key=lambda edge: (edge.parent, edge.child))


def _numbers(ids: pa.FixedSizeBinaryArray) -> Ids:
    """Span ids as numbers; equality is all that matters."""
    return np.frombuffer(ids.buffers()[1], np.uint64, len(ids), ids.offset * 8)

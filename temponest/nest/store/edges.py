"""Calls between services: spans whose parent belongs to another service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from ..model.fetch import FetchRequest
from ..model.source import CancelCheck, CancelledError, Edge
from . import filter as row_filter
from .arrays import columns_of
from .block import Block

Ids: TypeAlias = npt.NDArray[np.uint64]
Codes: TypeAlias = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Calls:
    """What a block knows of calls.

    Attributes:
        services: service names by code.
        tallies: calls between two services, both codes, where parent and child are in the block.
        parents: parents that are not in the block, sorted.
        children: service codes of the spans that have them.
    """

    services: list[str]
    tallies: Counter[tuple[int, int]]
    parents: Ids
    children: Codes


def calls(block: Block, request: FetchRequest) -> Calls:
    """The calls of the spans in the window; any span of the block may be a parent."""
    ids, services, names = _spans(block)
    parent = columns_of(block.read(["parent_span_id"]), "parent_span_id")
    rows = row_filter.rows(block, request)
    rows = rows[parent.is_valid().to_numpy(zero_copy_only=False)[rows]]
    parents, children = _numbers(parent)[rows], services[rows]
    at, known = _find(ids, parents)
    outside = parents[~known]
    order = np.argsort(outside)
    tallies = _tally(services[at[known]], children[known])
    return Calls(names, tallies, outside[order], children[~known][order])


def edges(found: Sequence[Calls], blocks: Sequence[Block], cancelled: CancelCheck) -> list[Edge]:
    """Calls over all blocks, sorted by parent then child.

    Args:
        found: what each block knows by itself.
        blocks: where the parents may be that are not in the block of their child.
        cancelled: asked between blocks.

    Raises:
        CancelledError: the caller no longer wants the answer.
    """
    total: Counter[tuple[str, str]] = Counter()
    for one in found:
        for (parent, child), tally in one.tallies.items():
            total[one.services[parent], one.services[child]] += tally
    names: dict[str, int] = {}
    new = [np.array([names.setdefault(name, len(names)) for name in one.services], np.int64) for one in found]
    parents = np.concatenate([np.empty(0, np.uint64), *(one.parents for one in found)])
    children = np.concatenate(
        [np.empty(0, np.int64), *(code[one.children] for code, one in zip(new, found, strict=True))]
    )
    for block in blocks if len(parents) else ():
        if cancelled():
            raise CancelledError
        ids, services, own = _spans(block)
        at, known = _find(ids, parents)
        by_code = list(names)
        for (parent, child), tally in _tally(services[at[known]], children[known]).items():
            total[own[parent], by_code[child]] += tally
        parents, children = parents[~known], children[~known]
    edges = (Edge(parent, child, tally) for (parent, child), tally in total.items() if parent != child)
    return sorted(edges, key=lambda edge: (edge.parent, edge.child))


def _spans(block: Block) -> tuple[Ids, Codes, list[str]]:
    table = block.read(["span_id", "service"])
    service = columns_of(table, "service")
    return _numbers(columns_of(table, "span_id")), service.indices.to_numpy(), service.dictionary.to_pylist()


def _find(ids: Ids, wanted: Ids) -> tuple[Codes, npt.NDArray[np.bool_]]:
    """For each wanted id a row that has it, and whether there is one."""
    order = np.argsort(ids)
    at = order[np.minimum(np.searchsorted(ids, wanted, sorter=order), len(ids) - 1)]
    return at, ids[at] == wanted


def _tally(callers: Codes, callees: Codes) -> Counter[tuple[int, int]]:
    width = int(callees.max(initial=0)) + 1
    pairs, tallies = np.unique(callers.astype(np.int64) * width + callees, return_counts=True)
    return Counter(
        {divmod(pair, width): tally for pair, tally in zip(pairs.tolist(), tallies.tolist(), strict=True)}
    )


def _numbers(ids: pa.FixedSizeBinaryArray) -> Ids:
    """Span ids as numbers; equality is all that matters."""
    return np.frombuffer(ids.buffers()[1], np.uint64, len(ids), ids.offset * 8)

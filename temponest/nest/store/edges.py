"""Calls between services: spans whose parent belongs to another service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from ..model.fetch import FetchRequest
from ..model.source import Edge
from . import filter as row_filter
from .block import Block
from .decode import columns_of


def edges(blocks: Sequence[Block], request: FetchRequest) -> list[Edge]:
    """Edges over all blocks, sorted by parent then child; parent and child may be in different blocks."""
    names: dict[str, int] = {}
    ids, services, parents, children = [], [], [], []
    for block in blocks:
        rows = row_filter.rows(block, request)
        table = block.read(["span_id", "parent_span_id", "service"])
        service = columns_of(table, "service")
        codes = np.array(
            [names.setdefault(name, len(names)) for name in service.dictionary.to_pylist()], np.int32
        )
        own = codes[service.indices.to_numpy()]
        ids.append(_numbers(columns_of(table, "span_id")))
        services.append(own)
        parent = columns_of(table, "parent_span_id")
        with_parent = rows[parent.is_valid().to_numpy(zero_copy_only=False)[rows]]
        parents.append(_numbers(parent)[with_parent])
        children.append(own[with_parent])
    if not ids:
        return []
    every_id, every_service = np.concatenate(ids), np.concatenate(services)
    order = np.argsort(every_id)
    every_parent, every_child = np.concatenate(parents), np.concatenate(children)
    at = np.minimum(np.searchsorted(every_id[order], every_parent), len(order) - 1)
    known = every_id[order][at] == every_parent
    caller, callee = every_service[order][at][known], every_child[known]
    other = caller != callee
    pairs = Counter(zip(caller[other].tolist(), callee[other].tolist(), strict=True))
    by_code = list(names)
    found = [Edge(by_code[parent], by_code[child], calls) for (parent, child), calls in pairs.items()]
    return sorted(found, key=lambda edge: (edge.parent, edge.child))


def _numbers(ids: pa.FixedSizeBinaryArray) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    """Span ids as numbers; equality is all that matters."""
    return np.frombuffer(ids.buffers()[1], np.uint64, len(ids), ids.offset * 8)

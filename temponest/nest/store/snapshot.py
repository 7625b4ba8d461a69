"""Segments and recent buffer as one `SpanSource`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import pyarrow as pa

from ..model.fetch import Attribute, AttributeScope, FetchRequest
from ..model.source import CancelCheck, CancelledError, Columns, Edge, Operation
from ..model.span import Span, Value
from . import filter as row_filter
from .block import Block, overlaps
from .decode import columns_of
from .edges import edges
from .names import attribute_names, operations, services
from .project import count_values, project
from .spans import spans, without_duplicates

# Ids handed out at once: the engine usually needs one page of results and then stops asking.
_PAGE = 64


class Snapshots:
    """Answers every question from the blocks that exist when it is asked.

    Args:
        blocks: gives the blocks of this moment, newest first.
    """

    def __init__(self, blocks: Callable[[], Sequence[Block]]) -> None:
        self._blocks = blocks

    def search(self, request: FetchRequest, cancelled: CancelCheck) -> Iterator[list[bytes]]:
        """Trace ids with at least one span that may satisfy `request`, newest block first."""
        seen: set[bytes] = set()
        for block in self._matching(request, cancelled):
            rows = row_filter.rows(block, request)
            if not len(rows):
                continue
            table = block.read(["start_ns", "trace_id"])
            start = columns_of(table, "start_ns").to_numpy()[rows]
            ids = columns_of(table, "trace_id")
            rows = rows[np.argsort(-start, kind="stable")]
            page: list[bytes] = []
            for low in range(0, len(rows), _PAGE * 16):
                for trace_id in ids.take(pa.array(rows[low : low + _PAGE * 16])).to_pylist():
                    if trace_id not in seen:
                        seen.add(trace_id)
                        page.append(trace_id)
                        if len(page) >= max(_PAGE, request.limit):
                            yield page
                            page = []
                            _check(cancelled)
            if page:
                yield page

    def traces(self, trace_ids: Sequence[bytes], cancelled: CancelCheck) -> dict[bytes, list[Span]]:
        """All spans of each trace that exists, ordered by start, without exact duplicates."""
        blocks = self._blocks()
        found: dict[bytes, list[Span]] = {}
        for trace_id in trace_ids:
            _check(cancelled)
            parts = [table for block in blocks if (table := block.trace(trace_id)) is not None]
            if parts:
                found[trace_id] = without_duplicates(span for table in parts for span in spans(table))
        return found

    def columns(
        self, request: FetchRequest, attributes: Sequence[Attribute], cancelled: CancelCheck
    ) -> Iterator[Columns]:
        """Spans that may satisfy `request`, a batch a block; attributes of conditions are included."""
        asked = dict.fromkeys(attributes)
        for condition in request.conditions:
            asked.update(dict.fromkeys((condition.attribute, *condition.aliases)))
        for block in self._matching(request, cancelled):
            rows = row_filter.rows(block, request)
            if len(rows):
                yield project(block, rows, list(asked))

    def attribute_names(
        self, start_ns: int, end_ns: int, cancelled: CancelCheck
    ) -> dict[AttributeScope, list[str]]:
        """Names of the attributes seen in the window, sorted, by scope; intrinsics left out."""
        found: dict[AttributeScope, set[str]] = {}
        for block in self._matching(FetchRequest(start_ns, end_ns), cancelled):
            for scope, names in attribute_names(block).items():
                found.setdefault(scope, set()).update(names)
        return {scope: sorted(names) for scope, names in found.items() if names}

    def attribute_values(
        self, attribute: Attribute, request: FetchRequest, limit: int, cancelled: CancelCheck
    ) -> list[Value]:
        """Distinct values on spans that satisfy `request`, at most `limit`, most frequent first."""
        counts: Counter[tuple[type, Value]] = Counter()
        for block in self._matching(request, cancelled):
            rows = row_filter.rows(block, request)
            if len(rows):
                count_values(block, rows, attribute, counts)
        return [value for (_, value), _ in counts.most_common(limit)]

    def services(self) -> list[str]:
        """Every service name, sorted."""
        return sorted({name for block in self._blocks() for name in services(block)})

    def operations(self, service: str) -> list[Operation]:
        """Span names of a service, sorted by name then kind."""
        every = {operation for block in self._blocks() for operation in operations(block, service)}
        return sorted(every, key=lambda operation: (operation.name, operation.kind))

    def edges(self, start_ns: int, end_ns: int) -> list[Edge]:
        """Calls between services in the window."""
        request = FetchRequest(start_ns, end_ns)
        return edges([block for block in self._blocks() if overlaps(block, request)], request)

    def _matching(self, request: FetchRequest, cancelled: CancelCheck) -> Iterator[Block]:
        for block in self._blocks():
            _check(cancelled)
            if overlaps(block, request) and block.may_match(request):
                yield block


def _check(cancelled: CancelCheck) -> None:
    if cancelled():
        raise CancelledError

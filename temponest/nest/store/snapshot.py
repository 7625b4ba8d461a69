"""Segments and recent buffer as one `SpanSource`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa

from ..model.fetch import Attribute, AttributeScope, Condition, FetchRequest, Operator
from ..model.source import CancelCheck, CancelledError, Columns, Edge, Operation
from ..model.span import Span, Value
from . import filter as row_filter
from .arrays import columns_of
from .block import Block, overlaps
from .edges import Calls, calls, edges
from .errors import Corrupt
from .project import count_values, project
from .spans import spans, without_duplicates

Answer = TypeVar("Answer")

# Ids handed out at once: the engine usually needs one page of results and then stops asking.
_PAGE = 64
# Rows looked at between two questions whether the caller still wants the answer.
_STEP = 1024
# Blocks whose calls are remembered; one takes up to 100 kB where most parents are in other blocks.
_REMEMBERED = 256


class Snapshots:
    """Answers every question from the blocks that exist when it is asked.

    Args:
        blocks: gives the blocks of this moment, newest first.
    """

    def __init__(self, blocks: Callable[[], Sequence[Block]]) -> None:
        self._blocks = blocks
        self._calls: WeakKeyDictionary[Block, Calls] = WeakKeyDictionary()

    def search(self, request: FetchRequest, cancelled: CancelCheck) -> Iterator[list[bytes]]:
        """Trace ids with at least one span that may satisfy `request`, newest block first."""
        seen: set[bytes] = set()
        for ids in self._ask(request, cancelled, lambda block: _newest_first(block, request)):
            page: list[bytes] = []
            for low in range(0, len(ids), _STEP):
                _check(cancelled)
                for trace_id in ids.slice(low, _STEP).to_pylist():
                    if trace_id not in seen:
                        seen.add(trace_id)
                        page.append(trace_id)
                if len(page) >= max(_PAGE, request.limit):
                    yield page
                    page = []
            if page:
                yield page

    def traces(self, trace_ids: Sequence[bytes], cancelled: CancelCheck) -> dict[bytes, list[Span]]:
        """All spans of each trace that exists, ordered by start, without exact duplicates."""
        found: dict[bytes, list[Span]] = {}
        for table in self._ask(FetchRequest(), cancelled, lambda block: block.traces(trace_ids)):
            for span in spans(table):
                found.setdefault(span.trace_id, []).append(span)
        return {trace_id: without_duplicates(every) for trace_id, every in found.items()}

    def columns(
        self, request: FetchRequest, attributes: Sequence[Attribute], cancelled: CancelCheck
    ) -> Iterator[Columns]:
        """Spans that may satisfy `request`, a batch a block; attributes of conditions are included."""
        asked = dict.fromkeys(attributes)
        for condition in request.conditions:
            asked.update(dict.fromkeys((condition.attribute, *condition.aliases)))

        def project_matching(block: Block) -> Columns | None:
            rows = row_filter.rows(block, request)
            return project(block, rows, list(asked)) if len(rows) else None

        return self._ask(request, cancelled, project_matching)

    def attribute_names(
        self, start_ns: int, end_ns: int, cancelled: CancelCheck
    ) -> dict[AttributeScope, list[str]]:
        """Names of the attributes seen in the window, sorted, by scope; intrinsics left out."""
        found: dict[AttributeScope, set[str]] = {}
        request = FetchRequest(start_ns, end_ns)
        for by_scope in self._ask(request, cancelled, lambda block: block.attribute_names()):
            for scope, names in by_scope.items():
                found.setdefault(scope, set()).update(names)
        return {scope: sorted(names) for scope, names in found.items() if names}

    def attribute_values(
        self, attribute: Attribute, request: FetchRequest, limit: int, cancelled: CancelCheck
    ) -> list[Value]:
        """Distinct values on spans that satisfy `request`, at most `limit`, most frequent first."""
        total: Counter[tuple[type, Value]] = Counter()

        def count(block: Block) -> Counter[tuple[type, Value]]:
            return count_values(block, row_filter.rows(block, request), attribute)

        exists = Condition(attribute, Operator.EXISTS)
        for counts in self._ask(request, cancelled, count, only=exists):
            total.update(counts)
        return [value for (_, value), _ in total.most_common(limit)]

    def services(self, cancelled: CancelCheck) -> list[str]:
        """Every service name, sorted."""
        blocks = self._ask(FetchRequest(), cancelled, lambda block: block.operations())
        return sorted({service for operations in blocks for service in operations})

    def operations(self, service: str, cancelled: CancelCheck) -> list[Operation]:
        """Span names of a service, sorted by name then kind."""
        blocks = self._ask(FetchRequest(), cancelled, lambda block: block.operations().get(service))
        every = {pair for pairs in blocks for pair in pairs}
        return [Operation(name, kind) for name, kind in sorted(every)]

    def edges(self, start_ns: int, end_ns: int, cancelled: CancelCheck) -> list[Edge]:
        """Calls between services in the window."""
        request = FetchRequest(start_ns, end_ns)
        found = list(self._ask(request, cancelled, lambda block: (block, self._calls_of(block, request))))
        return edges([known for _, known in found], [block for block, _ in found], cancelled)

    def _calls_of(self, block: Block, request: FetchRequest) -> Calls:
        """The calls of a block; what a whole block knows never changes, and counting it takes tens of ms."""
        if block.start_min < request.start_ns or (request.end_ns and block.start_max >= request.end_ns):
            return calls(block, request)
        known = self._calls.get(block)
        if known is None:
            known = calls(block, request)
            if len(self._calls) < _REMEMBERED:
                self._calls[block] = known
        return known

    def _ask(
        self,
        request: FetchRequest,
        cancelled: CancelCheck,
        question: Callable[[Block], Answer | None],
        only: Condition | None = None,
    ) -> Iterator[Answer]:
        """The answers of every block that may have one; blocks that cannot be read any more have none."""
        for block in self._blocks():
            _check(cancelled)
            if not overlaps(block, request):
                continue
            try:
                if not block.may_match(request) or (
                    only and not block.may_match(FetchRequest(conditions=(only,)))
                ):
                    continue
                with block.reading():
                    answer = question(block)
            except (Corrupt, FileNotFoundError):
                # Reported where it was found; or dropped by retention since the question was asked.
                continue
            if answer is not None:
                yield answer


def _newest_first(block: Block, request: FetchRequest) -> pa.Array | None:
    """Trace ids of the rows that may satisfy a request, by start, newest first."""
    rows = row_filter.rows(block, request)
    if not len(rows):
        return None
    table = block.read(["start_ns", "trace_id"])
    start = columns_of(table, "start_ns").to_numpy()[rows]
    return columns_of(table, "trace_id").take(pa.array(rows[np.argsort(-start, kind="stable")]))


def _check(cancelled: CancelCheck) -> None:
    if cancelled():
        raise CancelledError

"""Segments and recent buffer as one `LogSource`."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from weakref import WeakKeyDictionary

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ...model.fetch import Attribute, AttributeScope, Condition, FetchRequest, Operator
from ...model.log import Ints, LogBatch, LogRequest, TextFilter, TextOperator
from ...model.source import CancelCheck, CancelledError
from ...model.span import Resource
from .. import otlp
from ..arrays import columns_of
from ..block import Block, overlaps, rows_of_traces
from ..errors import Corrupt
from ..filter import Mask, spread
from .batch import Batch

_TRACE_ID = Attribute(AttributeScope.INTRINSIC, "trace:id")
_ANY = (TextOperator.CONTAINS, TextOperator.MATCH)


class LogSnapshots:
    """Answers every question from the blocks that exist when it is asked.

    Args:
        blocks: gives the blocks of this moment.
    """

    def __init__(self, blocks: Callable[[], Sequence[Block]]) -> None:
        self._blocks = blocks
        self._resources: WeakKeyDictionary[Block, tuple[bytes, ...]] = WeakKeyDictionary()

    def logs(self, request: LogRequest, cancelled: CancelCheck) -> Iterator[LogBatch]:
        """Records that may be wanted, a batch a block."""
        window = FetchRequest(request.start_ns, request.end_ns, _by_trace(request))
        for block in self._ordered(request):
            _check(cancelled)
            try:
                if not overlaps(block, window) or not block.may_match(window):
                    continue
                with block.reading():
                    if not any(request.resource(one) for one in self._resources_of(block)):
                        continue
                    rows = _rows(block, request)
            except (Corrupt, FileNotFoundError):
                # Reported where it was found; or dropped by retention since the question was asked.
                continue
            if len(rows):
                yield Batch(block, rows, block.start_max if request.newest_first else block.start_min)

    def resources(self, start_ns: int, end_ns: int, cancelled: CancelCheck) -> list[Resource]:
        """Every resource that has a record which may lie in the window."""
        found: dict[int, Resource] = {}
        for block in self._blocks():
            _check(cancelled)
            if overlaps(block, FetchRequest(start_ns, end_ns)):
                try:
                    found.update((id(one), one) for one in self._resources_of(block))
                except (Corrupt, FileNotFoundError):
                    continue
        return list(found.values())

    def _ordered(self, request: LogRequest) -> list[Block]:
        if request.newest_first:
            return sorted(self._blocks(), key=lambda block: block.start_max, reverse=True)
        return sorted(self._blocks(), key=lambda block: block.start_min)

    def _resources_of(self, block: Block) -> list[Resource]:
        encoded = self._resources.get(block)
        if encoded is None:
            # A block never changes, and its resources are few; reading them takes a millisecond.
            encoded = tuple(columns_of(block.read(["resource"]), "resource").unique().to_pylist())
            self._resources[block] = encoded
        return [otlp.resource(one) for one in encoded]


def _by_trace(request: LogRequest) -> tuple[Condition, ...]:
    if not request.trace_ids:
        return ()
    return (Condition(_TRACE_ID, Operator.EQ, tuple(one.hex() for one in request.trace_ids)),)


def _rows(block: Block, request: LogRequest) -> Ints:
    """Numbers of the rows that may be wanted."""
    times = columns_of(block.read([block.shape.time]), block.shape.time).to_numpy()
    mask: Mask = (times >= request.start_ns) & (times < request.end_ns)
    resource = columns_of(block.read(["resource"]), "resource")
    wanted = [request.resource(otlp.resource(one)) for one in resource.dictionary.to_pylist()]
    mask &= spread(np.array(wanted, np.bool_), resource)
    if request.trace_ids and mask.any():
        of_trace = np.zeros(block.rows, np.bool_)
        of_trace[rows_of_traces(block.read(["trace_id"]).column("trace_id"), request.trace_ids)] = True
        mask &= of_trace
    if request.texts and mask.any():
        # Records without a body have an empty line.
        body = columns_of(block.read(["body"]), "body").fill_null("")
        for one in request.texts:
            mask &= _holds(body, one)
    return np.flatnonzero(mask)


def _holds(lines: pa.StringArray, one: TextFilter) -> Mask:
    """Which lines pass a filter; all of them where Arrow does not know the expression, the engine does."""
    found = np.zeros(len(lines), np.bool_)
    for text in one.texts:
        try:
            if one.operator in (TextOperator.CONTAINS, TextOperator.LACKS):
                hit = pc.match_substring(lines, text)
            else:
                hit = pc.match_substring_regex(lines, text)
        except pa.ArrowInvalid:
            return np.ones(len(lines), np.bool_)
        found |= hit.to_numpy(zero_copy_only=False)
    return found if one.operator in _ANY else ~found


def _check(cancelled: CancelCheck) -> None:
    if cancelled():
        raise CancelledError

"""Bodies to columns, thousands of spans at a time. The layout of the result is in schema.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from .arrays import columns_of, ids, nanoseconds, null_when_empty, spread, table_of, text
from .attributes import AttributeColumns
from .rows import Rows
from .schema import FIXED
from .wire import Wire


class Decoder:
    """Turns bodies into tables. Not thread-safe: it remembers which attributes have columns.

    Args:
        columns: how many attributes may have a column of their own until `renew` is called.
        pause: called between steps that take some milliseconds.
        asked: whether steps are to be as short as they can be, although all together take longer then.
    """

    def __init__(
        self,
        columns: int,
        pause: Callable[[], None] = lambda: None,
        asked: Callable[[], bool] = lambda: False,
    ) -> None:
        self._pause = pause
        self._asked = asked
        self._wire = Wire()
        self._attributes = AttributeColumns(self._wire, columns)
        self.dropped = 0
        """Spans left out because they have no id, or one longer than OTLP allows."""

    def renew(self) -> None:
        """Forget which attributes have columns: a new segment begins."""
        self._attributes.renew()

    def decode(self, bodies: Sequence[bytes]) -> pa.Table:
        """All spans of the bodies in their order.

        Raises:
            ValueError: one of the bodies is no `ExportTraceServiceRequest`; none was taken.
        """
        requests = self._wire.requests(bodies, self._pause if self._asked() else None)
        rows = Rows.of(requests, "scope_spans", "spans")
        self._pause()
        spans = rows.own
        if not len(spans):
            return FIXED.empty_table()
        common = rows.columns(self._attributes)
        self._pause()
        columns: dict[str, pa.Array] = {
            "parent_span_id": ids(spans.field("parent_span_id"), 8),
            "name": text(spans.field("name")),
            "kind": pc.cast(spans.field("kind"), pa.int8(), safe=False),
            **_times(spans),
            **self._statuses(spans.field("status")),
            "trace_state": text(spans.field("trace_state"), empty_is_null=True),
            "dropped_events": spans.field("dropped_events"),
            "dropped_links": spans.field("dropped_links"),
            "events": null_when_empty(spans.field("events")),
            "links": null_when_empty(spans.field("links")),
            **common,
        }
        table = table_of(FIXED, columns)
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
        message = text(messages, empty_is_null=True)
        return {
            "status": pc.cast(codes, pa.int8(), safe=False).take(distinct.indices),
            "status_message": spread(message, of),
        }


def _times(spans: pa.StructArray) -> dict[str, pa.Array]:
    """Start and duration."""
    start, end = nanoseconds(spans.field("start")), nanoseconds(spans.field("end"))
    return {"start_ns": pa.array(start), "duration_ns": pa.array(end - start)}

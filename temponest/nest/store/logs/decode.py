"""Bodies to columns, thousands of log records at a time. The layout of the result is in schema.py."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from ...model.log import text_of
from .. import otlp
from ..arrays import nanoseconds, string, table_of, text
from ..attributes import AttributeColumns
from ..rows import Rows
from ..schema import LOG_FIXED, WIRE
from ..wire import Wire


class LogDecoder:
    """Turns bodies into tables. Not thread-safe: it remembers which attributes have columns.

    Args:
        columns: how many attributes may have a column of their own until `renew` is called.
    """

    def __init__(self, columns: int) -> None:
        self._wire = Wire()
        self._attributes = AttributeColumns(self._wire, columns)

    def renew(self) -> None:
        """Forget which attributes have columns: a new segment begins."""
        self._attributes.renew()

    def decode(self, bodies: Sequence[bytes]) -> pa.Table:
        """All log records of the bodies in their order.

        Raises:
            ValueError: one of the bodies is no `ExportLogsServiceRequest`; none was taken.
        """
        rows = Rows.of(self._wire.log_requests(bodies), "scope_logs", "log_records")
        records = rows.own
        if not len(records):
            return LOG_FIXED.empty_table()
        return table_of(
            LOG_FIXED,
            {
                **_times(records),
                "severity": pc.cast(records.field("severity"), pa.int8(), safe=False),
                "severity_text": text(records.field("severity_text"), empty_is_null=True),
                **self._bodies(records.field("body")),
                "event_name": text(records.field("event_name"), empty_is_null=True),
                **rows.columns(self._attributes),
            },
        )

    def _bodies(self, encoded: pa.BinaryArray) -> dict[str, pa.Array]:
        """The body as a line of text, and as it was sent where it is no string."""
        lines = string(self._wire.strings(encoded))
        if not lines.null_count:
            return {"body": lines, "body_value": pa.nulls(len(encoded), WIRE)}
        others = lines.is_null()
        distinct = encoded.filter(others).dictionary_encode()
        values = [otlp.value(AnyValue.FromString(one)) for one in distinct.dictionary.to_pylist()]
        texts = pa.array([None if value is None else text_of(value) for value in values], pa.string())
        at = distinct.indices.to_numpy()
        nothing = np.array([value is None for value in values], np.bool_)[at]
        codes = np.full(len(encoded), -1, np.int32)
        codes[np.flatnonzero(others.to_numpy(zero_copy_only=False))] = np.where(nothing, -1, at)
        return {
            "body": pc.replace_with_mask(lines, others, texts.take(distinct.indices)),
            "body_value": pa.DictionaryArray.from_arrays(
                pa.array(codes, mask=codes < 0), distinct.dictionary
            ),
        }


def _times(records: pa.StructArray) -> dict[str, pa.Array]:
    """When it happened and when it was seen; the second stands for the first where a sender lacks it."""
    time, observed = nanoseconds(records.field("time")), nanoseconds(records.field("observed"))
    return {"time_ns": pa.array(np.where(time == 0, observed, time)), "observed_ns": pa.array(observed)}

"""The columns of spans and of log records, the same in memory and in a segment. See docs/format/segment.md.

Attributes that are strings, integers, floats or booleans have a column of their own, named by type
and key (`str:http.route`), as long as the generation has columns left. Everything else of them is in `rest`,
as OTLP bytes.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import pyarrow as pa

from ..model.signal import Signal

TEXT = pa.dictionary(pa.int32(), pa.string())
WIRE = pa.dictionary(pa.int32(), pa.binary())

FIXED = pa.schema(
    [
        ("trace_id", pa.binary(16)),
        ("span_id", pa.binary(8)),
        ("parent_span_id", pa.binary(8)),  # null for a root
        ("name", TEXT),
        ("kind", pa.int8()),
        ("start_ns", pa.int64()),
        ("duration_ns", pa.int64()),  # negative where the end lies before the start
        ("status", pa.int8()),
        ("status_message", TEXT),  # null when empty
        ("service", TEXT),
        ("resource", WIRE),  # opentelemetry.proto.resource.v1.Resource
        ("scope", WIRE),  # opentelemetry.proto.common.v1.InstrumentationScope
        ("trace_state", TEXT),  # null when empty
        ("flags", pa.uint32()),
        ("dropped_attributes", pa.uint32()),
        ("dropped_events", pa.uint32()),
        ("dropped_links", pa.uint32()),
        ("events", pa.list_(pa.binary())),  # opentelemetry.proto.trace.v1.Span.Event; null when none
        ("links", pa.list_(pa.binary())),  # opentelemetry.proto.trace.v1.Span.Link; null when none
        ("rest", pa.list_(pa.binary())),  # opentelemetry.proto.common.v1.KeyValue; null when none
    ]
)

LOG_FIXED = pa.schema(
    [
        ("time_ns", pa.int64()),  # when it happened; when it was observed, where the sender does not know
        ("observed_ns", pa.int64()),
        ("severity", pa.int8()),  # OTLP's number, 0 to 24
        ("severity_text", TEXT),  # null when empty
        ("body", pa.string()),  # as a line of text, hardly ever twice the same; null when there is none
        ("body_value", WIRE),  # opentelemetry.proto.common.v1.AnyValue; null where the body is a string
        ("event_name", TEXT),  # null when empty
        ("trace_id", pa.binary(16)),  # null where the record belongs to no trace
        ("span_id", pa.binary(8)),
        ("service", TEXT),
        ("resource", WIRE),
        ("scope", WIRE),
        ("flags", pa.uint32()),
        ("dropped_attributes", pa.uint32()),
        ("rest", pa.list_(pa.binary())),
    ]
)


@dataclass(frozen=True, slots=True)
class Shape:
    """What the rows of one signal look like.

    Attributes:
        called: what a row is.
        fixed: the columns that every row has.
        time: the one that says when.
        differences: times, written as what they differ from the row before.
        ids: bytes that hardly ever come twice.
        ranges: numbers whose least and greatest value a summary knows.
        texts: columns whose values a summary knows, with the names of the intrinsics they are.
    """

    called: str
    fixed: pa.Schema
    time: str
    differences: tuple[str, ...]
    ids: tuple[str, ...]
    ranges: tuple[str, ...]
    texts: dict[str, str] = field(default_factory=dict)


SPANS = Shape(
    "spans",
    FIXED,
    "start_ns",
    ("start_ns", "duration_ns"),
    ("span_id", "parent_span_id"),
    ("duration_ns", "kind", "status"),
    {"name": "name", "status_message": "statusMessage"},
)
LOGS = Shape("log records", LOG_FIXED, "time_ns", ("time_ns", "observed_ns"), ("span_id",), ("severity",))
SHAPES = {Signal.TRACES: SPANS, Signal.LOGS: LOGS}

ATTRIBUTE_TYPES: dict[str, pa.DataType] = {
    "str": TEXT,
    "int": pa.int64(),
    "float": pa.float64(),
    "bool": pa.bool_(),
}


def attribute_column(kind: str, key: str) -> str:
    """The name of the column that holds the attribute `key` where its values have the type `kind`."""
    return f"{kind}:{key}"


def attribute_of(column: str) -> tuple[str, str] | None:
    """Type and key of an attribute column, None for the fixed ones (whose names have no colon)."""
    kind, colon, key = column.partition(":")
    return (kind, key) if colon else None

"""The columns of a span, the same in memory and in a segment. See docs/format/segment.md.

Attributes of spans that are strings, integers, floats or booleans have a column of their own, named by type
and key (`str:http.route`), as long as the generation has columns left. Everything else of them is in `rest`,
as OTLP bytes.
"""

from __future__ import annotations

import pyarrow as pa

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

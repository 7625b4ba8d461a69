"""Log records as rows. The body is text; what is no string stands as JSON there and in `body_value`."""

from __future__ import annotations

import pyarrow as pa
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord, ScopeLogs

from .origin import COLUMNS, SERVICE, Row
from .value import attributes, fill, object_text, value_text

_TIME = pa.timestamp("ns", tz="UTC")
SCHEMA = pa.schema(
    [
        ("time", _TIME),
        ("observed_time", _TIME),
        SERVICE,
        ("severity_number", pa.int32()),
        ("severity_text", pa.string()),
        ("body", pa.string()),
        ("body_value", pa.string()),
        ("event_name", pa.string()),
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("flags", pa.uint32()),
        ("attributes", pa.string()),
        ("dropped_attributes", pa.uint32()),
        *COLUMNS,
    ]
)


def rows(record: LogRecord) -> list[Row]:
    """The row of a log record; a time that nobody says is null."""
    kind = record.body.WhichOneof("value")
    text = None if kind is None else value_text(record.body)
    return [
        {
            "time": record.time_unix_nano or None,
            "observed_time": record.observed_time_unix_nano or None,
            "severity_number": int(record.severity_number),
            "severity_text": record.severity_text,
            "body": record.body.string_value if kind == "string_value" else text,
            "body_value": None if kind == "string_value" else text,
            "event_name": record.event_name,
            "trace_id": record.trace_id.hex(),
            "span_id": record.span_id.hex(),
            "flags": record.flags,
            "attributes": object_text(record.attributes),
            "dropped_attributes": record.dropped_attributes_count,
        }
    ]


def add(row: Row, scoped: ScopeLogs) -> None:
    """Add the log record of a row to its scope."""
    record = scoped.log_records.add()
    record.time_unix_nano, record.observed_time_unix_nano = row["time"] or 0, row["observed_time"] or 0
    record.severity_number, record.severity_text = row["severity_number"], row["severity_text"]
    if row["body_value"] is not None:
        fill(record.body, row["body_value"])
    elif row["body"] is not None:
        record.body.string_value = row["body"]
    record.event_name, record.flags = row["event_name"], row["flags"]
    record.trace_id, record.span_id = bytes.fromhex(row["trace_id"]), bytes.fromhex(row["span_id"])
    record.attributes.extend(attributes(row["attributes"]))
    record.dropped_attributes_count = row["dropped_attributes"]

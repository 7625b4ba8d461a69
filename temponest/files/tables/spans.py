"""Spans as rows: attributes, events and links are JSON (`attributes->>'http.route'` in DuckDB)."""

from __future__ import annotations

import json

import pyarrow as pa
from opentelemetry.proto.trace.v1.trace_pb2 import ScopeSpans, Span

from ..otlp_json import document, into
from .origin import COLUMNS, SERVICE, Row
from .value import attributes, object_text

_TIME = pa.timestamp("ns", tz="UTC")
SCHEMA = pa.schema(
    [
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("parent_span_id", pa.string()),
        SERVICE,
        ("name", pa.string()),
        ("kind", pa.int32()),
        ("start_time", _TIME),
        ("end_time", _TIME),
        ("duration_ns", pa.int64()),
        ("status_code", pa.int32()),
        ("status_message", pa.string()),
        ("attributes", pa.string()),
        ("events", pa.string()),
        ("links", pa.string()),
        ("trace_state", pa.string()),
        ("flags", pa.uint32()),
        ("dropped_attributes", pa.uint32()),
        ("dropped_events", pa.uint32()),
        ("dropped_links", pa.uint32()),
        *COLUMNS,
    ]
)


def rows(span: Span) -> list[Row]:
    """The row of a span."""
    return [
        {
            "trace_id": span.trace_id.hex(),
            "span_id": span.span_id.hex(),
            "parent_span_id": span.parent_span_id.hex(),
            "name": span.name,
            "kind": int(span.kind),
            "start_time": span.start_time_unix_nano,
            "end_time": span.end_time_unix_nano,
            "duration_ns": span.end_time_unix_nano - span.start_time_unix_nano,
            "status_code": int(span.status.code),
            "status_message": span.status.message,
            "attributes": object_text(span.attributes),
            "events": json.dumps([document(one) for one in span.events], ensure_ascii=False),
            "links": json.dumps([document(one) for one in span.links], ensure_ascii=False),
            "trace_state": span.trace_state,
            "flags": span.flags,
            "dropped_attributes": span.dropped_attributes_count,
            "dropped_events": span.dropped_events_count,
            "dropped_links": span.dropped_links_count,
        }
    ]


def add(row: Row, scoped: ScopeSpans) -> None:
    """Add the span of a row to its scope."""
    span = scoped.spans.add()
    span.trace_id, span.span_id = bytes.fromhex(row["trace_id"]), bytes.fromhex(row["span_id"])
    span.parent_span_id = bytes.fromhex(row["parent_span_id"])
    span.name, span.kind = row["name"], row["kind"]
    span.start_time_unix_nano, span.end_time_unix_nano = row["start_time"], row["end_time"]
    span.status.code, span.status.message = row["status_code"], row["status_message"]
    span.attributes.extend(attributes(row["attributes"]))
    for one in json.loads(row["events"]):
        into(span.events.add(), one)
    for one in json.loads(row["links"]):
        into(span.links.add(), one)
    span.trace_state, span.flags = row["trace_state"], row["flags"]
    span.dropped_attributes_count = row["dropped_attributes"]
    span.dropped_events_count = row["dropped_events"]
    span.dropped_links_count = row["dropped_links"]

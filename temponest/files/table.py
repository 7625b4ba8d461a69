"""Spans as a Parquet table, a row a span, for DuckDB, pandas and Polars, and back without loss.

Attributes are JSON objects (`attributes->>'http.route'` in DuckDB). What JSON has no word for, bytes and
nested key-value lists and infinities, is an object with the one key `$otlp`, which holds OTLP's own JSON of
it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import pyarrow as pa
import pyarrow.parquet as pq
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from .errors import FileError
from .otlp_json import document, into

# Rows read and sent at once, and rows that are written together.
_BATCH, _GROUP = 1_000, 20_000

_TIME = pa.timestamp("ns", tz="UTC")
SCHEMA = pa.schema(
    [
        ("trace_id", pa.string()),
        ("span_id", pa.string()),
        ("parent_span_id", pa.string()),
        ("service", pa.string()),
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
        ("resource", pa.string()),
        ("resource_schema_url", pa.string()),
        ("scope_name", pa.string()),
        ("scope_version", pa.string()),
        ("scope_attributes", pa.string()),
        ("scope_schema_url", pa.string()),
    ]
)


class Writer:
    """Writes requests as rows; `close` ends the file."""

    def __init__(self, file: IO[bytes]) -> None:
        self._writer = pq.ParquetWriter(file, SCHEMA, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def write(self, request: ExportTraceServiceRequest) -> None:
        """Add the spans of a request."""
        for group in request.resource_spans:
            for scoped in group.scope_spans:
                shared = _shared(group, scoped)
                self._rows += ({**_row(span), **shared} for span in scoped.spans)
        if len(self._rows) >= _GROUP:
            self._flush()

    def close(self) -> None:
        """Write what is left, and the end of the file."""
        self._flush()
        self._writer.close()

    def _flush(self) -> None:
        if self._rows:
            self._writer.write_table(pa.Table.from_pylist(self._rows, SCHEMA))
        self._rows = []


def requests(path: Path) -> Iterator[tuple[str, ExportTraceServiceRequest]]:
    """Place and request of some rows after another.

    Raises:
        FileError: the file is none that `Writer` wrote, or is damaged.
    """
    try:
        file = pq.ParquetFile(path)
        missing = [name for name in SCHEMA.names if name not in file.schema_arrow.names]
        if missing:
            raise FileError(
                str(path), f"no column {', '.join(missing)}; only what temponest export wrote can be read"
            )
        row = 1
        for batch in file.iter_batches(_BATCH, columns=SCHEMA.names):
            yield f"{path}, row {row:,}", _request(_rows(batch), str(path), row)
            row += batch.num_rows
    except (pa.ArrowException, OSError) as error:
        raise FileError(str(path), f"no Parquet that can be read ({error})") from None


def _rows(batch: pa.RecordBatch) -> list[dict[str, Any]]:
    """Rows with times as numbers: Python's own datetime has no nanoseconds."""
    table = pa.Table.from_batches([batch])
    for name in ("start_time", "end_time"):
        index = table.schema.get_field_index(name)
        table = table.set_column(index, name, table.column(name).cast(pa.int64()))
    rows: list[dict[str, Any]] = table.to_pylist()
    return rows


def _shared(group: ResourceSpans, scoped: ScopeSpans) -> dict[str, Any]:
    service = [one.value.string_value for one in group.resource.attributes if one.key == "service.name"]
    return {
        "service": service[0] if service else "",
        "resource": _object(group.resource.attributes),
        "resource_schema_url": group.schema_url,
        "scope_name": scoped.scope.name,
        "scope_version": scoped.scope.version,
        "scope_attributes": _object(scoped.scope.attributes),
        "scope_schema_url": scoped.schema_url,
    }


def _row(span: Span) -> dict[str, Any]:
    return {
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
        "attributes": _object(span.attributes),
        "events": json.dumps([document(one) for one in span.events], ensure_ascii=False),
        "links": json.dumps([document(one) for one in span.links], ensure_ascii=False),
        "trace_state": span.trace_state,
        "flags": span.flags,
        "dropped_attributes": span.dropped_attributes_count,
        "dropped_events": span.dropped_events_count,
        "dropped_links": span.dropped_links_count,
    }


def _request(rows: list[dict[str, Any]], path: str, first: int) -> ExportTraceServiceRequest:
    request = ExportTraceServiceRequest()
    scopes: dict[tuple[Any, ...], ScopeSpans] = {}
    for number, row in enumerate(rows, first):
        try:
            _add(row, _scope(row, request, scopes).spans.add())
        except (ValueError, TypeError, AttributeError) as error:
            raise FileError(f"{path}, row {number:,}", str(error)) from None
    return request


def _scope(
    row: dict[str, Any], request: ExportTraceServiceRequest, scopes: dict[tuple[Any, ...], ScopeSpans]
) -> ScopeSpans:
    key = tuple(row[name] for name in SCHEMA.names[SCHEMA.get_field_index("resource") :])
    found = scopes.get(key)
    if found is None:
        group = request.resource_spans.add(schema_url=row["resource_schema_url"])
        group.resource.attributes.extend(_attributes(row["resource"]))
        found = scopes[key] = group.scope_spans.add(schema_url=row["scope_schema_url"])
        found.scope.name, found.scope.version = row["scope_name"], row["scope_version"]
        found.scope.attributes.extend(_attributes(row["scope_attributes"]))
    return found


def _add(row: dict[str, Any], span: Span) -> None:
    span.trace_id, span.span_id = bytes.fromhex(row["trace_id"]), bytes.fromhex(row["span_id"])
    span.parent_span_id = bytes.fromhex(row["parent_span_id"])
    span.name, span.kind = row["name"], row["kind"]
    span.start_time_unix_nano, span.end_time_unix_nano = row["start_time"], row["end_time"]
    span.status.code, span.status.message = row["status_code"], row["status_message"]
    span.attributes.extend(_attributes(row["attributes"]))
    for one in json.loads(row["events"]):
        into(span.events.add(), one)
    for one in json.loads(row["links"]):
        into(span.links.add(), one)
    span.trace_state, span.flags = row["trace_state"], row["flags"]
    span.dropped_attributes_count = row["dropped_attributes"]
    span.dropped_events_count = row["dropped_events"]
    span.dropped_links_count = row["dropped_links"]


def _object(attributes: Iterable[KeyValue]) -> str:
    return json.dumps({one.key: _plain(one.value) for one in attributes}, ensure_ascii=False)


def _plain(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind in ("string_value", "bool_value", "int_value"):
        return getattr(value, kind)
    if kind == "double_value" and math.isfinite(value.double_value):
        return value.double_value
    if kind == "array_value":
        return [_plain(one) for one in value.array_value.values]
    return {"$otlp": document(value)}


def _attributes(text: str) -> Iterator[KeyValue]:
    for key, found in json.loads(text).items():
        made = KeyValue(key=key)
        _fill(made.value, found)
        yield made


def _fill(value: AnyValue, found: Any) -> None:
    match found:
        case bool():
            value.bool_value = found
        case str():
            value.string_value = found
        case int():
            value.int_value = found
        case float():
            value.double_value = found
        case list():
            value.array_value.SetInParent()
            for one in found:
                _fill(value.array_value.values.add(), one)
        case {"$otlp": own}:
            into(value, own)
        case _:
            raise ValueError(f"an attribute is {found!r}, which is no value of OTLP")

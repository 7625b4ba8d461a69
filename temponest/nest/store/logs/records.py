"""Rows to log records: the objects of the model, made only for those that somebody looks at."""

from __future__ import annotations

import pyarrow as pa
from opentelemetry.proto.common.v1.common_pb2 import AnyValue

from ...model.log import LogRecord
from .. import otlp
from ..spans import attributes_of, values_of


def records(table: pa.Table) -> list[LogRecord]:
    """The rows of a table as log records, in the order of the table."""
    fixed = {
        name: values_of(table.column(name))
        for name in (
            "time_ns",
            "observed_ns",
            "severity",
            "severity_text",
            "body",
            "body_value",
            "resource",
            "scope",
            "trace_id",
            "span_id",
            "event_name",
            "flags",
            "dropped_attributes",
        )
    }
    return [
        LogRecord(
            time_ns=time,
            observed_ns=observed,
            severity=severity,
            severity_text=severity_text or "",
            body=body if value is None else otlp.value(AnyValue.FromString(value)),
            attributes=own,
            resource=otlp.resource(resource),
            scope=otlp.scope(scope),
            trace_id=trace_id or b"",
            span_id=span_id or b"",
            event_name=event_name or "",
            flags=flags,
            dropped_attributes=dropped,
        )
        for (
            time,
            observed,
            severity,
            severity_text,
            body,
            value,
            resource,
            scope,
            trace_id,
            span_id,
            event_name,
            flags,
            dropped,
            own,
        ) in zip(*fixed.values(), attributes_of(table), strict=True)
    ]

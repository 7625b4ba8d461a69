"""Log records as they were sent, in OTLP's protobuf: an answer that Loki itself does not have.

Who copies log records asks for it by `Accept`, and gets Loki's own JSON from a Loki. Stages of a query choose
the records; what they did to lines and labels is not in it.
"""

from __future__ import annotations

from collections.abc import Iterable

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import LogRecord as Message
from opentelemetry.proto.logs.v1.logs_pb2 import ResourceLogs, ScopeLogs

from ...model.log import LogRecord
from .. import otlp

PROTOBUF = "application/x-protobuf"


def encode(records: Iterable[LogRecord]) -> bytes:
    """An `ExportLogsServiceRequest` of the records, grouped by resource and scope."""
    request = ExportLogsServiceRequest()
    # Equal ones are one object, as long as the caches of the store last; twice the same group does no harm.
    groups: dict[int, ResourceLogs] = {}
    scopes: dict[tuple[int, int], ScopeLogs] = {}
    for record in records:
        key = (id(record.resource), id(record.scope))
        if key not in scopes:
            if key[0] not in groups:
                resource = otlp.resource_message(record.resource)
                groups[key[0]] = request.resource_logs.add(resource=resource)
            scopes[key] = groups[key[0]].scope_logs.add(scope=otlp.scope_message(record.scope))
        scopes[key].log_records.append(_message(record))
    return request.SerializeToString()


def _message(record: LogRecord) -> Message:
    message = Message(
        time_unix_nano=record.time_ns,
        observed_time_unix_nano=record.observed_ns,
        severity_text=record.severity_text,
        attributes=otlp.key_values(record.attributes),
        dropped_attributes_count=record.dropped_attributes,
        flags=record.flags,
        trace_id=record.trace_id,
        span_id=record.span_id,
        event_name=record.event_name,
    )
    message.severity_number = record.severity  # type: ignore[assignment] # any number is allowed on the wire
    if record.body is not None:
        message.body.CopyFrom(otlp.any_value_message(record.body))
    return message

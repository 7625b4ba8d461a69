"""Requests to send."""

from __future__ import annotations

import secrets

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def request(trace_id: bytes, spans: int = 1, **attributes: str) -> ExportTraceServiceRequest:
    """One service's spans of one trace."""
    message = ExportTraceServiceRequest()
    group = message.resource_spans.add()
    service = group.resource.attributes.add(key="service.name")
    service.value.string_value = "shop"
    scope = group.scope_spans.add()
    for index in range(spans):
        span = scope.spans.add(
            trace_id=trace_id,
            span_id=secrets.token_bytes(8),
            name=f"step {index}",
            kind=2,
            start_time_unix_nano=1_700_000_000_000_000_000 + index,
            end_time_unix_nano=1_700_000_000_000_001_000 + index,
        )
        for key, value in attributes.items():
            span.attributes.add(key=key).value.string_value = value
    return message


def json_request(trace_id: bytes) -> dict[str, object]:
    """The same as OTLP/JSON, with a field that no version knows."""
    span = {
        "traceId": trace_id.hex().upper(),
        "spanId": secrets.token_hex(8),
        "name": "step 0",
        "kind": 2,
        "startTimeUnixNano": "1700000000000000000",
        "endTimeUnixNano": 1700000000000001000,
        "attributes": [{"key": "answer", "value": {"intValue": "42"}}],
        "fromTheFuture": {"traceId": 1},
    }
    service = {"key": "service.name", "value": {"stringValue": "shop"}}
    group = {"resource": {"attributes": [service]}, "scopeSpans": [{"spans": [span]}]}
    return {"resourceSpans": [group]}

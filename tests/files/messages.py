"""A request with everything OTLP knows of a span."""

from __future__ import annotations

import time

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


def full(trace_id: bytes, spans: int = 1, start_ns: int | None = None) -> ExportTraceServiceRequest:
    """Spans of one trace that use every field and every type of value."""
    start_ns = time.time_ns() - 10**9 if start_ns is None else start_ns
    request = ExportTraceServiceRequest()
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = "shop"
    scoped = group.scope_spans.add()
    scoped.scope.name, scoped.scope.version = "library", "1.2"
    scoped.scope.attributes.add(key="scope.own").value.int_value = 7
    for number in range(spans):
        span = scoped.spans.add(
            trace_id=trace_id,
            span_id=number.to_bytes(7, "big") + b"\1",
            parent_span_id=b"" if not number else bytes(7) + b"\1",
            name=f"step {number} é",
            kind=2,
            start_time_unix_nano=start_ns + number,
            end_time_unix_nano=start_ns + number + 1_234_567,
            trace_state="vendor=1",
            flags=0x101,
            dropped_attributes_count=3,
            dropped_events_count=4,
            dropped_links_count=5,
        )
        span.status.code = 2  # type: ignore[assignment] # ERROR by number
        span.status.message = "broken"
        for key, kind, value in (
            ("text", "string_value", "x\u2028y"),
            ("yes", "bool_value", True),
            ("count", "int_value", 2**53 + 1),
            ("one", "int_value", 1),
            ("one.float", "double_value", 1.0),
            ("infinite", "double_value", float("inf")),
            ("raw", "bytes_value", b"\0\xff"),
        ):
            setattr(span.attributes.add(key=key).value, kind, value)
        values = span.attributes.add(key="list").value.array_value.values
        values.add().string_value = "a"
        values.add().int_value = 2
        nested = span.attributes.add(key="map").value.kvlist_value
        nested.values.add(key="inner").value.bytes_value = b"\1"
        event = span.events.add(name="exception", time_unix_nano=start_ns + 5, dropped_attributes_count=1)
        event.attributes.add(key="exception.type").value.string_value = "ValueError"
        link = span.links.add(trace_id=b"l" * 16, span_id=b"k" * 8, trace_state="a=b", flags=1)
        link.attributes.add(key="why").value.string_value = "because"
    return request

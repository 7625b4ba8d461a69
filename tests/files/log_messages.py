"""Log records with everything OTLP knows of one."""

from __future__ import annotations

import time

from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest


def full_logs(service: str, count: int = 3, start_ns: int | None = None) -> ExportLogsServiceRequest:
    """Records a microsecond apart that use every field, and bodies of every kind of value."""
    start_ns = time.time_ns() - 10**9 if start_ns is None else start_ns
    request = ExportLogsServiceRequest()
    group = request.resource_logs.add()
    group.resource.attributes.add(key="service.name").value.string_value = service
    group.resource.attributes.add(key="host.cpus").value.int_value = 8
    scoped = group.scope_logs.add()
    scoped.scope.name, scoped.scope.version = "app.main", "1.2"
    scoped.scope.attributes.add(key="scope.own").value.bool_value = True
    for number in range(count):
        record = scoped.log_records.add(
            time_unix_nano=start_ns + number * 1000,
            observed_time_unix_nano=start_ns + number * 1000 + 7,
            severity_number=17,
            severity_text="ERROR",
            event_name="user.login",
            flags=1,
            dropped_attributes_count=2,
            trace_id=b"t" * 16,
            span_id=b"s" * 8,
        )
        record.body.string_value = f"line {number} é"
        record.attributes.add(key="http.route").value.string_value = "/"
        record.attributes.add(key="number").value.int_value = number
        record.attributes.add(key="share").value.double_value = 0.5
        record.attributes.add(key="raw").value.bytes_value = b"\0\xff"
    bodies = [scoped.log_records.add(time_unix_nano=start_ns + 10**6 + index).body for index in range(4)]
    bodies[0].int_value = 5
    bodies[1].kvlist_value.values.add(key="inner").value.array_value.values.add().string_value = "x"
    bodies[2].bytes_value = b"\0\1"
    scoped.log_records[-1].ClearField("body")
    unknown = request.resource_logs.add().scope_logs.add().log_records
    unknown.add(observed_time_unix_nano=start_ns + 2 * 10**6).body.string_value = "of nobody"
    return request

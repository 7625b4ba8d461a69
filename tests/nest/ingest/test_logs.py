"""Log records by both transports: kept with all their fields, or refused one by one."""

from __future__ import annotations

import base64
import json
import secrets
import time

import grpc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import (
    ExportLogsServiceRequest,
    ExportLogsServiceResponse,
)

from temponest.nest.ingest import logs
from temponest.nest.ingest.grpc import SERVICES
from temponest.nest.model.log import LogRecord, LogRequest
from temponest.nest.model.signal import Signal

from .conftest import Nest

FOREVER = 2**63 - 1
PROTOBUF = {"Content-Type": "application/x-protobuf"}


def records(nest: Nest, trace_id: bytes) -> list[LogRecord]:
    nest.store.flush()
    found = nest.store.logs.logs(LogRequest(0, FOREVER, trace_ids=(trace_id,)), lambda: False)
    return [record for batch in found for record in batch.records() if record.trace_id == trace_id]


def request(trace_id: bytes, *bodies: str, at: int = 5) -> ExportLogsServiceRequest:
    message = ExportLogsServiceRequest()
    scope = message.resource_logs.add().scope_logs.add()
    for body in bodies:
        scope.log_records.add(trace_id=trace_id, time_unix_nano=at).body.string_value = body
    return message


def export(nest: Nest, body: bytes) -> bytes:
    method = f"/{SERVICES[Signal.LOGS]}/Export"
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes] = nest.channel.unary_unary(method)
    answer: bytes = call(body, timeout=60)
    return answer


def test_records_sent_by_grpc_are_kept(nest: Nest) -> None:
    trace_id = secrets.token_bytes(16)
    assert export(nest, request(trace_id, "one", "two").SerializeToString()) == b""
    assert [record.body for record in records(nest, trace_id)] == ["one", "two"]


def test_records_sent_as_protobuf_by_http_are_kept(nest: Nest) -> None:
    trace_id = secrets.token_bytes(16)
    body = request(trace_id, "one").SerializeToString()
    answer = nest.http.post("/v1/logs", content=body, headers=PROTOBUF)
    assert (answer.status_code, answer.content) == (200, b"")
    assert [record.body for record in records(nest, trace_id)] == ["one"]


def test_records_sent_as_json_are_kept_with_every_field(nest: Nest) -> None:
    trace_id = secrets.token_bytes(16)
    record = {
        "timeUnixNano": "1700000000000000000",
        "observedTimeUnixNano": "1700000000000000007",
        "severityNumber": 13,
        "severityText": "Warning",
        "body": {"kvlistValue": {"values": [{"key": "raw", "value": {"bytesValue": "AAE="}}]}},
        "attributes": [{"key": "answer", "value": {"intValue": "42"}}],
        "droppedAttributesCount": 2,
        "flags": 1,
        "traceId": trace_id.hex().upper(),
        "spanId": "00f067aa0ba902b7",
        "eventName": "order.placed",
        "inventedLater": True,
    }
    document = {"resourceLogs": [{"scopeLogs": [{"scope": {"name": "shop"}, "logRecords": [record]}]}]}
    answer = nest.http.post("/v1/logs", json=document)
    assert (answer.status_code, answer.json()) == (200, {})
    (kept,) = records(nest, trace_id)
    assert (kept.time_ns, kept.observed_ns) == (1_700_000_000_000_000_000, 1_700_000_000_000_000_007)
    assert (kept.severity, kept.severity_text, kept.body) == (13, "Warning", {"raw": b"\x00\x01"})
    assert (kept.attributes, kept.dropped_attributes, kept.flags) == ({"answer": 42}, 2, 1)
    assert (kept.span_id.hex(), kept.event_name, kept.scope.name) == (
        "00f067aa0ba902b7",
        "order.placed",
        "shop",
    )


def test_a_record_without_any_time_has_that_of_its_arrival(nest: Nest) -> None:
    trace_id, before = secrets.token_bytes(16), time.time_ns()
    export(nest, request(trace_id, "when?", at=0).SerializeToString())
    (kept,) = records(nest, trace_id)
    assert before <= kept.time_ns <= time.time_ns()
    assert kept.observed_ns == kept.time_ns


@pytest.fixture
def short_records(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "MAX_RECORD", 1024 * 1024)


@pytest.mark.usefixtures("short_records")
def test_a_record_that_is_too_large_is_refused_and_the_others_are_kept(nest: Nest) -> None:
    trace_id = secrets.token_bytes(16)
    body = request(trace_id, "before", "x" * 2 * 1024 * 1024, "after").SerializeToString()
    answer = nest.http.post("/v1/logs", content=body, headers=PROTOBUF)
    partial = ExportLogsServiceResponse.FromString(answer.content).partial_success
    assert answer.status_code == 200
    assert partial.rejected_log_records == 1
    assert partial.error_message == "1 log records are larger than 1 MiB; send shorter ones"
    assert [record.body for record in records(nest, trace_id)] == ["before", "after"]


@pytest.mark.usefixtures("short_records")
def test_a_refused_record_is_told_by_grpc(nest: Nest) -> None:
    body = request(secrets.token_bytes(16), "x" * 2 * 1024 * 1024).SerializeToString()
    assert ExportLogsServiceResponse.FromString(export(nest, body)).partial_success.rejected_log_records == 1


@pytest.mark.usefixtures("short_records")
def test_a_refused_record_is_told_in_json(nest: Nest) -> None:
    record = {"body": {"stringValue": "x" * 2 * 1024 * 1024}}
    document = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    answer = nest.http.post("/v1/logs", json=document)
    assert answer.json()["partialSuccess"]["rejectedLogRecords"] == "1"


def test_bytes_that_are_no_log_records_are_refused(nest: Nest) -> None:
    with pytest.raises(grpc.RpcError) as refused:
        export(nest, b"\xff\xff")
    assert "no OTLP logs request" in str(refused.value)


VALUES = st.recursive(
    st.none()
    | st.booleans().map(lambda value: {"boolValue": value})
    | st.integers(-(2**63), 2**63 - 1).map(lambda value: {"intValue": str(value)})
    | st.floats(allow_nan=False).map(lambda value: {"doubleValue": value})
    | st.binary(max_size=9).map(lambda value: {"bytesValue": base64.b64encode(value).decode()})
    | st.text(max_size=9).map(lambda value: {"stringValue": value}),
    lambda inner: (
        st.lists(inner, max_size=3).map(lambda values: {"arrayValue": {"values": values}})
        | st.dictionaries(st.text(max_size=3), inner, max_size=3).map(
            lambda values: {
                "kvlistValue": {"values": [{"key": key, "value": value} for key, value in values.items()]}
            }
        )
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(
    bodies=st.lists(VALUES, max_size=4),
    time_ns=st.integers(0, 2**64 - 1),
    severity=st.integers(-(2**31), 2**31 - 1),
    trace_id=st.binary(max_size=20),
)
def test_whatever_is_taken_can_be_read_again(
    nest: Nest, bodies: list[object], time_ns: int, severity: int, trace_id: bytes
) -> None:
    logged = [
        {
            "body": body,
            "timeUnixNano": str(time_ns),
            "severityNumber": severity,
            "traceId": trace_id.hex(),
            "attributes": [{"key": "own", "value": body}],
        }
        for body in bodies
    ]
    document = {"resourceLogs": [{"scopeLogs": [{"logRecords": logged}]}]}
    before = nest.store.stats()
    answer = nest.http.post(
        "/v1/logs", content=json.dumps(document), headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in {200, 400}
    nest.store.flush()
    after = nest.store.stats()
    kept = len(bodies) if answer.status_code == 200 else 0
    assert (after.decoded_logs - before.decoded_logs, after.set_aside) == (kept, before.set_aside)
    for batch in nest.store.logs.logs(LogRequest(0, FOREVER), lambda: False):
        batch.records()

"""When an export is tried again, and what answers mean."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from hypothesis import given
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceResponse,
)

from shared.telemetry.otlp.reply import accepted, retry_delay, status_message
from shared.telemetry.otlp.retry import delay, retry_after, retryable_grpc

NOON = datetime(2026, 11, 23, 12, 0, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("failures", "wish", "chance", "seconds"),
    [
        (1, None, 0.0, 0.5),
        (1, None, 1.0, 1.0),
        (3, None, 1.0, 4.0),
        (100, None, 1.0, 30.0),
        (1, 7.0, 0.0, 7.05),
        (1, 86_400.0, 0.0, 300.05),
        (1, -5.0, 0.0, 0.05),
    ],
)
def test_delay(failures: int, wish: float | None, chance: float, seconds: float) -> None:
    assert delay(failures, wish, chance) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("12", 12.0),
        (" 0 ", 0.0),
        ("Mon, 23 Nov 2026 12:00:30 GMT", 30.0),
        ("Mon, 23 Nov 2026 11:00:00 GMT", 0.0),
        ("soon", None),
        ("-3", None),
        ("٣", None),
    ],
)
def test_retry_after(header: str | None, seconds: float | None) -> None:
    assert retry_after(header, NOON) == seconds


def test_exhausted_is_tried_again_only_when_the_receiver_says_when() -> None:
    assert not retryable_grpc(8, None)
    assert retryable_grpc(8, 1.0)
    assert [code for code in range(17) if retryable_grpc(code, None)] == [1, 4, 10, 11, 14, 15]


def test_retry_info_is_found_among_other_details() -> None:
    details = []
    for message in (Duration(seconds=9), RetryInfo(retry_delay=Duration(seconds=2, nanos=500_000_000))):
        detail = AnyMessage()
        detail.Pack(message)
        details.append(detail)
    encoded = Status(code=14, message="busy", details=details).SerializeToString()
    assert retry_delay(encoded) == 2.5
    assert status_message(encoded) == "busy"


def test_partial_success_is_read() -> None:
    partial = ExportTracePartialSuccess(rejected_spans=3, error_message="too old")
    outcome = accepted(ExportTraceServiceResponse(partial_success=partial).SerializeToString())
    assert (outcome.ok, outcome.rejected, outcome.message) == (True, 3, "too old")


@given(st.binary(max_size=64))
def test_no_answer_makes_the_reader_fail(data: bytes) -> None:
    assert accepted(data).ok
    retry_delay(data)
    status_message(data)

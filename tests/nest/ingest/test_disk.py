"""A disk that fills while the parts of a large request are written to it."""

from __future__ import annotations

import json
import secrets
import tempfile
from pathlib import Path
from typing import IO, cast

import grpc
import pytest
from google.protobuf.json_format import MessageToDict

from temponest.nest.ingest.grpc import SERVICES
from temponest.nest.ingest.receiver import PART_BYTES
from temponest.nest.model.signal import Signal

from .conftest import Nest
from .messages import request

FULL = "no room on disk for a large request: [Errno 28] No space left on device; try again"


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> IO[bytes]:
        return Path("/dev/full").open("w+b")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)


def by_http(nest: Nest, body: bytes, media_type: str) -> str:
    answer = nest.http.post("/v1/traces", content=body, headers={"Content-Type": media_type})
    if answer.status_code == 200:
        return "taken"
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
    return (
        str(answer.json()["message"])
        if media_type.endswith("json")
        else answer.content.decode(errors="replace")
    )


def by_grpc(nest: Nest, body: bytes) -> str:
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes]
    call = nest.channel.unary_unary(f"/{SERVICES[Signal.TRACES]}/Export")
    try:
        call(body, timeout=60)
    except grpc.RpcError as error:
        refused = cast("grpc.Call", error)
        assert refused.code() is grpc.StatusCode.UNAVAILABLE
        return refused.details() or ""
    return "taken"


def send(nest: Nest, how: str, trace_id: bytes) -> str:
    message = request(trace_id, spans=3, text="x" * (PART_BYTES // 2))
    if how == "grpc":
        return by_grpc(nest, message.SerializeToString())
    if how == "protobuf":
        return by_http(nest, message.SerializeToString(), "application/x-protobuf")
    document = MessageToDict(message)
    for span in document["resourceSpans"][0]["scopeSpans"][0]["spans"]:
        span.update(traceId=trace_id.hex(), spanId=secrets.token_hex(8))
    return by_http(nest, json.dumps(document).encode(), "application/json")


@pytest.mark.usefixtures("full_disk")
@pytest.mark.parametrize("how", ["protobuf", "json", "grpc"])
def test_nothing_is_kept_of_a_request_that_the_disk_has_no_room_for_and_it_may_come_again(
    nest: Nest, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    trace_id = secrets.token_bytes(16)
    assert FULL in send(nest, how, trace_id)
    assert nest.receiver.counts.by_cause["disk"] > 0
    assert nest.spans.traces([trace_id], lambda: False) == {}
    # There is room again.
    monkeypatch.undo()
    assert send(nest, how, trace_id) == "taken"
    assert len(nest.spans.traces([trace_id], lambda: False)[trace_id]) == 3

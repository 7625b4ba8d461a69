from __future__ import annotations

import gzip
import json
import secrets
import zlib
from collections.abc import Callable

import httpx
import pytest
import zstandard
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from temponest.nest.ingest.errors import Refused
from temponest.nest.ingest.http import create_app
from temponest.nest.ingest.receiver import IN_FLIGHT, PART_BYTES, Receiver
from temponest.nest.store.errors import Full

from .conftest import MAX_BODY, Nest, in_flight
from .messages import json_request, request

PROTOBUF = {"Content-Type": "application/x-protobuf"}

ENCODINGS: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    "identity": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.ZstdCompressor().compress,
}


def post(nest: Nest, body: bytes, path: str = "/v1/traces", **headers: str) -> httpx.Response:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return nest.http.post(path, content=body, headers={**PROTOBUF, **named})


def status_of(answer: httpx.Response) -> status_pb2.Status:
    return status_pb2.Status.FromString(answer.content)


def kept(nest: Nest, trace_id: bytes) -> list[str]:
    found = nest.spans.traces([trace_id], lambda: False)
    return [span.name for span in found.get(trace_id, [])]


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_protobuf_request_is_kept_in_every_encoding(nest: Nest, encoding: str) -> None:
    trace_id = secrets.token_bytes(16)
    body = ENCODINGS[encoding](request(trace_id).SerializeToString())
    answer = post(nest, body, Content_Encoding=encoding) if encoding else post(nest, body)
    # Full success: an empty message, partial_success unset.
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-protobuf"
    assert kept(nest, trace_id) == ["step 0"]


def test_a_json_request_is_kept_and_answered_in_json(nest: Nest) -> None:
    trace_id = secrets.token_bytes(16)
    answer = nest.http.post("/v1/traces", json=json_request(trace_id))
    assert (answer.status_code, answer.json()) == (200, {})
    (span,) = nest.spans.traces([trace_id], lambda: False)[trace_id]
    assert (span.start_ns, span.attributes) == (1_700_000_000_000_000_000, {"answer": 42})


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/metrics", "/v1/logs"])
def test_an_empty_request_succeeds(nest: Nest, path: str) -> None:
    assert post(nest, b"", path).status_code == 200


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"\xff\xff\xff", {}),
        (b"not gzip", {"Content_Encoding": "gzip"}),
        (gzip.compress(b"half")[:-9], {"Content_Encoding": "gzip"}),
        (b"not zstd", {"Content_Encoding": "zstd"}),
        (b"", {"Content_Encoding": "br"}),
    ],
    ids=["protobuf", "gzip", "cut gzip", "zstd", "unknown encoding"],
)
def test_a_damaged_request_is_400_with_a_status_that_says_why(
    nest: Nest, body: bytes, headers: dict[str, str]
) -> None:
    answer = post(nest, body, **headers)
    status = status_of(answer)
    assert (answer.status_code, status.code) == (400, 3)
    assert answer.headers["content-type"] == "application/x-protobuf"
    bad = error_details_pb2.BadRequest()
    assert status.details[0].Unpack(bad)
    assert bad.field_violations[0].description == status.message


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"[]",
        b'{"resourceSpans": 1}',
        b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"xyz"}]}]}]}',
        b"[" * 100_000,
    ],
    ids=["cut", "list", "number", "id", "deep"],
)
def test_damaged_json_is_400_in_json(nest: Nest, body: bytes) -> None:
    answer = nest.http.post("/v1/traces", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["code"] == 3


def test_another_content_type_is_415(nest: Nest) -> None:
    answer = nest.http.post("/v1/traces", content=b"x", headers={"Content-Type": "text/plain"})
    assert answer.status_code == 415


def test_another_method_is_405(nest: Nest) -> None:
    assert nest.http.get("/v1/traces").status_code == 405


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_a_bomb_is_413_however_small_it_arrives(nest: Nest, encoding: str) -> None:
    bomb = ENCODINGS[encoding](bytes(50 * MAX_BODY))
    assert len(bomb) < MAX_BODY
    answer = post(nest, bomb, Content_Encoding=encoding)
    assert (answer.status_code, status_of(answer).code) == (413, 8)


def test_a_body_that_is_too_large_is_413_before_it_is_read_whole(nest: Nest) -> None:
    assert post(nest, bytes(MAX_BODY + 1)).status_code == 413


def test_a_full_store_is_503_with_the_time_to_wait(nest: Nest, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise Full("the disk is full", retry_after=7)

    monkeypatch.setattr(nest.store, "append", full)
    answer = post(nest, request(secrets.token_bytes(16)).SerializeToString())
    retry = error_details_pb2.RetryInfo()
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "7")
    assert status_of(answer).details[0].Unpack(retry)
    assert retry.retry_delay.seconds == 7


def test_too_many_bytes_at_once_are_refused_and_given_back(nest: Nest) -> None:
    body = request(secrets.token_bytes(16)).SerializeToString()
    with in_flight(nest.receiver, IN_FLIGHT):
        refused = post(nest, body)
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert post(nest, body).status_code == 200


def test_one_large_request_is_taken_at_a_time_and_keeps_no_small_one_out(nest: Nest) -> None:
    receiver = Receiver(nest.store, in_flight=30)
    with receiver.claim() as large, receiver.claim() as small, receiver.claim() as other:
        large.grow(1000)
        small.grow(10)
        with pytest.raises(Refused, match="another large request"):
            other.grow(11)
    with receiver.claim() as large:
        large.grow(1000)


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "zstd"])
def test_what_is_inflated_counts_as_in_flight_and_is_given_back(nest: Nest, encoding: str) -> None:
    """A bomb is refused for the room it takes while it grows, however small it arrives."""
    body = ENCODINGS[encoding](bytes(MAX_BODY))
    with in_flight(nest.receiver, IN_FLIGHT - MAX_BODY // 2):
        refused = post(nest, body, Content_Encoding=encoding).status_code
    with in_flight(nest.receiver, IN_FLIGHT):
        assert refused == 429


def test_json_counts_as_the_memory_that_reading_it_takes(nest: Nest) -> None:
    content = json.dumps(json_request(secrets.token_bytes(16))).encode()
    with in_flight(nest.receiver, IN_FLIGHT - 5 * len(content)):
        refused = post(nest, content, Content_Type="application/json").status_code
    assert (refused, post(nest, content, Content_Type="application/json").status_code) == (429, 200)


def test_a_large_request_is_kept_whole(nest: Nest) -> None:
    trace_id = secrets.token_bytes(16)
    message = request(trace_id, spans=3, text="x" * (PART_BYTES // 2))
    assert post(nest, message.SerializeToString()).status_code == 200
    spans = nest.spans.traces([trace_id], lambda: False)[trace_id]
    assert [(span.name, span.resource.service_name) for span in spans] == [
        ("step 0", "shop"),
        ("step 1", "shop"),
        ("step 2", "shop"),
    ]


def test_nothing_is_kept_of_a_large_request_with_a_bad_part(nest: Nest) -> None:
    trace_id = secrets.token_bytes(16)
    message = request(trace_id, spans=2, text="x" * PART_BYTES)
    bad = message.SerializeToString() + b"\x0a\x02\x0a\xff"
    assert post(nest, bad).status_code == 400
    assert nest.spans.traces([trace_id], lambda: False) == {}


def test_a_receiver_with_a_token_takes_nothing_without_it(nest: Nest) -> None:
    receiver = Receiver(nest.store, token="secret")
    app = TestClient(create_app(receiver, any_host=True))
    headers = {"content-type": "application/x-protobuf"}
    assert app.post("/v1/traces", content=b"", headers=headers).status_code == 401
    wrong = {**headers, "authorization": "Bearer wrong"}
    assert app.post("/v1/traces", content=b"", headers=wrong).status_code == 401
    right = {**headers, "authorization": "Bearer secret"}
    assert app.post("/v1/traces", content=b"", headers=right).status_code == 200


@pytest.mark.parametrize(
    ("origin", "allowed"), [("http://localhost:3000", True), ("https://evil.example", False)]
)
def test_pages_of_this_machine_may_send_and_others_may_not(nest: Nest, origin: str, allowed: bool) -> None:
    answer = nest.http.options(
        "/v1/traces",
        headers={
            "Origin": origin,
            "Access-Control-Request-Method": "POST",
            "Access-Control-Request-Headers": "content-type",
        },
    )
    assert ("access-control-allow-origin" in answer.headers) is allowed


def test_a_name_that_only_points_here_is_refused(nest: Nest) -> None:
    assert post(nest, b"", Host="evil.example").status_code == 421


def test_the_answer_names_the_last_refusal(nest: Nest) -> None:
    post(nest, b"\xff")
    assert nest.receiver.counts.last_refusal == "the body is no OTLP traces request in protobuf"


@given(body=st.binary(max_size=300), encoding=st.sampled_from(["", "gzip", "deflate", "zstd"]))
def test_no_bytes_at_all_stop_the_receiver(nest: Nest, body: bytes, encoding: str) -> None:
    answer = post(nest, body, Content_Encoding=encoding)
    assert answer.status_code in {200, 400}


@given(
    document=st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["resourceSpans", "scopeSpans", "spans", "traceId"]), inner)
        ),
        max_leaves=8,
    )
)
def test_no_json_at_all_stops_the_receiver(nest: Nest, document: object) -> None:
    body = json.dumps(document).encode()
    answer = nest.http.post("/v1/traces", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code in {200, 400}

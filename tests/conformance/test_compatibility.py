"""Mistakes that other implementations of these APIs made and repaired, one test each."""

from __future__ import annotations

import socket
import time
from typing import Any

import grpc
import pytest

from temponest.nest.api.tempo.messages import message
from tests.conformance.conftest import Nest, eventually
from tests.conformance.payload import SECOND, trace


@pytest.fixture(scope="module")
def found(nest: Nest) -> Any:
    nest.otlp.post("/v1/traces", json=trace(0x4000, tag="compatibility")).raise_for_status()
    eventually(lambda: nest.tempo.get("/api/v2/traces/4000").status_code == 200)
    reply = nest.tempo.get(
        "/api/search", params={"q": '{ name = "POST" && span.test.case = "compatibility" }'}
    )
    return reply.json()["traces"][0]


def test_start_times_are_text(found: Any) -> None:
    assert found["startTimeUnixNano"].isdecimal()
    assert found["spanSets"][0]["spans"][0]["startTimeUnixNano"].isdecimal()


def test_spansets_hold_the_matched_span_and_not_the_root(found: Any) -> None:
    assert [one["name"] for one in found["spanSets"][0]["spans"]] == ["POST"]


def test_a_grpc_client_at_the_http_port_is_answered_beside_http(nest: Nest, found: Any) -> None:
    request, reply = message("SearchRequest"), message("SearchResponse")
    with grpc.insecure_channel(nest.tempo.base_url.netloc.decode()) as channel:
        search: grpc.UnaryStreamMultiCallable[Any, Any] = channel.unary_stream(
            "/tempopb.StreamingQuerier/Search",
            request_serializer=request.SerializeToString,
            response_deserializer=reply.FromString,
        )
        query = f'{{ trace:id = "{found["traceID"]}" }}'
        [answer] = search(request(Query=query), timeout=60)
    assert [one.traceID for one in answer.traces] == [found["traceID"]]
    assert nest.tempo.get("/api/echo").text == "echo"


def test_a_grpc_client_at_another_http_port_is_let_go(nest: Nest) -> None:
    address = (nest.jaeger.base_url.host, nest.jaeger.base_url.port or 0)
    with socket.create_connection(address) as connection:
        connection.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
        assert connection.recv(100) == b""


def test_intrinsics_are_a_scope_of_their_own(nest: Nest) -> None:
    scopes = nest.tempo.get("/api/v2/search/tags", params={"scope": "intrinsic"}).json()["scopes"]
    assert [one["name"] for one in scopes] == ["intrinsic"]
    assert {"name", "kind", "status", "duration"} <= set(scopes[0]["tags"])


@pytest.mark.parametrize(("tag", "word"), [("status", "error"), ("kind", "server"), ("span:kind", "client")])
def test_statuses_and_kinds_are_words(nest: Nest, tag: str, word: str) -> None:
    values = nest.tempo.get(f"/api/v2/search/tag/{tag}/values").json()["tagValues"]
    assert {"type": "keyword", "value": word} in values


@pytest.mark.parametrize("version", ["/api/traces", "/api/v2/traces"])
def test_a_trace_is_json_unless_protobuf_is_asked_for(nest: Nest, found: Any, version: str) -> None:
    path = f"{version}/{found['traceID']}"
    assert nest.tempo.get(path).headers["content-type"] == "application/json"
    wanted = nest.tempo.get(path, headers={"accept": "application/protobuf"})
    assert wanted.headers["content-type"] == "application/protobuf"


def test_what_was_just_acknowledged_is_searched(nest: Nest) -> None:
    nest.otlp.post("/v1/traces", json=trace(0x5000, start_ns=time.time_ns(), tag="fresh")).raise_for_status()
    params = {"q": '{ span.test.case = "fresh" }'}
    eventually(lambda: nest.tempo.get("/api/search", params=params).json()["traces"])
    tags = {"service": "front", "tags": '{"test.case":"fresh"}'}
    assert nest.jaeger.get("/api/traces", params=tags).json()["data"]


def test_a_limit_above_a_thousand_is_not_cut_in_silence(nest: Nest) -> None:
    base = trace(0x6000, tag="many")
    spans = base["resourceSpans"][0]["scopeSpans"][0]["spans"]
    root = spans[0]
    spans[:] = [{**root, "traceId": f"{0x10000 + index:032x}"} for index in range(1_100)]
    nest.otlp.post("/v1/traces", json=base).raise_for_status()
    params = {"q": '{ span.test.case = "many" && name = "GET /" }', "limit": "2000", "spss": "1"}
    eventually(lambda: len(nest.tempo.get("/api/search", params=params).json()["traces"]) == 1_100)
    few = nest.tempo.get("/api/search", params={**params, "limit": "1000"})
    assert len(few.json()["traces"]) == 1_000
    assert few.headers["TempoNest-Cut-Off"] == "limit"


def test_a_success_has_no_partial_success(nest: Nest) -> None:
    assert nest.otlp.post("/v1/traces", json=trace(0x7000)).json() == {}


@pytest.mark.parametrize(
    "path", ["/api/search", "/api/traces/1", "/api/v2/search/tags", "/api/metrics/query_range"]
)
def test_nothing_is_changed_by_a_question(nest: Nest, path: str) -> None:
    assert nest.tempo.post(path).status_code == 405


@pytest.mark.parametrize("path", ["/v1/traces", "/v1/metrics", "/v1/logs"])
def test_a_link_cannot_send_anything(nest: Nest, path: str) -> None:
    assert nest.otlp.get(path).status_code == 405


def test_times_are_those_of_utc_in_every_zone(nest: Nest) -> None:
    start_ns = time.time_ns() - 7200 * SECOND
    nest.otlp.post("/v1/traces", json=trace(0x8000, start_ns=start_ns, tag="zone")).raise_for_status()
    second = start_ns // SECOND
    params = {"q": '{ span.test.case = "zone" }', "start": str(second - 5), "end": str(second + 5)}
    eventually(lambda: nest.tempo.get("/api/search", params=params).json()["traces"])
    window = {
        "query.startTimeMin": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second - 5)),
        "query.startTimeMax": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second + 5)),
        "query.attributes": '{"test.case":"zone"}',
    }
    assert len(nest.jaeger.get("/api/v3/trace-summaries", params=window).json()["summaries"]) == 1

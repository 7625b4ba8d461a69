"""Grafana's streaming: each method of `tempopb.StreamingQuerier`, by gRPC at the port of the HTTP API."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import httpx
import pytest
import uvicorn
from google.protobuf.json_format import MessageToDict, ParseDict

from temponest.nest.api import tempo
from temponest.nest.api.protocol import server_config
from temponest.nest.api.server import Security
from temponest.nest.api.tempo import streaming
from temponest.nest.api.tempo.messages import message
from temponest.nest.model.source import SpanSource
from tests.nest.api.test_server import EndlessSource
from tests.nest.make import SECOND, T0, span, two_services
from tests.nest.memory_source import MemorySource

WINDOW = {"start": T0 // SECOND - 60, "end": T0 // SECOND + 540}
NANOS = {name: second * SECOND for name, second in WINDOW.items()}
UNBOUNDED = [("grpc.max_receive_message_length", -1)]
RATE = "{ } | rate() by (resource.service.name)"


@dataclass
class Port:
    """Both ways to ask at one port."""

    http: httpx.Client
    channel: grpc.Channel

    def stream(self, method: str, metadata: tuple[tuple[str, str], ...] = (), **fields: Any) -> Any:
        """The call of a method."""
        request, reply, _ = streaming.METHODS[method]
        call: grpc.UnaryStreamMultiCallable[Any, Any] = self.channel.unary_stream(
            f"/{streaming.SERVICE}/{method}",
            request_serializer=lambda one: one.SerializeToString(),
            response_deserializer=message(reply).FromString,
        )
        return call(message(request)(**fields), metadata=metadata, timeout=60)

    def ask(self, method: str, **fields: Any) -> Any:
        """The last message of its stream, as JSON."""
        return MessageToDict([*self.stream(method, **fields)][-1])


@contextmanager
def listening(source: SpanSource, security: Security | None = None) -> Iterator[Port]:
    listener = socket.create_server(("127.0.0.1", 0))
    app = tempo.create_app(source, security)
    servers: list[uvicorn.Server] = []

    async def run() -> None:
        server, port = streaming.start(app, asyncio.get_running_loop())
        servers.append(uvicorn.Server(server_config(app, http2_port=port)))
        try:
            await servers[0].serve(sockets=[listener])
        finally:
            server.stop(None).wait()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    address = f"127.0.0.1:{listener.getsockname()[1]}"
    try:
        with httpx.Client(base_url=f"http://{address}", timeout=30) as client:
            client.get("/api/echo")
            with grpc.insecure_channel(address, UNBOUNDED) as channel:
                yield Port(client, channel)
    finally:
        servers[0].should_exit = True
        thread.join()
        listener.close()


@pytest.fixture(scope="module")
def port() -> Iterator[Port]:
    with listening(MemorySource(two_services())) as port:
        yield port


@pytest.mark.parametrize(
    ("method", "fields", "path", "params"),
    [
        ("Search", {"Query": "{ status = error }", **WINDOW}, "/api/search", {"q": "{ status = error }"}),
        (
            "Search",
            {"Query": "{ }", "Limit": 1, "SpansPerSpanSet": 1},
            "/api/search",
            {"q": "{ }", "limit": 1, "spss": 1},
        ),
        (
            "Search",
            {"Tags": {"name": "POST /pay"}, "MinDurationMs": 1500},
            "/api/search",
            {"tags": 'name="POST /pay"', "minDuration": "1500ms"},
        ),
        ("SearchTags", {}, "/api/search/tags", {}),
        ("SearchTagsV2", {"scope": "span"}, "/api/v2/search/tags", {"scope": "span"}),
        (
            "SearchTagValues",
            {"tagName": "resource.service.name"},
            "/api/search/tag/resource.service.name/values",
            {},
        ),
        (
            "SearchTagValuesV2",
            {"tagName": "name", "query": '{ resource.service.name = "pay" }', "maxTagValues": 5},
            "/api/v2/search/tag/name/values",
            {"q": '{ resource.service.name = "pay" }', "limit": 5},
        ),
        ("SearchTagValuesV2", {"tagName": "status"}, "/api/v2/search/tag/status/values", {}),
        (
            "MetricsQueryRange",
            {"query": RATE, "step": 30 * SECOND, "exemplars": 5, **NANOS},
            "/api/metrics/query_range",
            {"q": RATE, "step": "30s", "exemplars": 5, **WINDOW},
        ),
        ("MetricsQueryInstant", {"query": RATE, **NANOS}, "/api/metrics/query", {"q": RATE, **WINDOW}),
    ],
)
def test_a_stream_ends_with_what_http_answers(
    port: Port, method: str, fields: dict[str, Any], path: str, params: dict[str, str]
) -> None:
    answer = port.http.get(path, params=params)
    assert answer.status_code == 200
    expected = MessageToDict(ParseDict(answer.json(), message(streaming.METHODS[method][1])()))
    assert port.ask(method, **fields) == expected
    # No field of the HTTP answer is one that the message does not know.
    assert set(expected) == {name for name, value in answer.json().items() if value != []}


def test_a_found_trace_has_the_numbers_of_tempos_messages(port: Port) -> None:
    call: grpc.UnaryStreamMultiCallable[bytes, bytes] = port.channel.unary_stream(
        f"/{streaming.SERVICE}/Search"
    )
    # SearchRequest: 8 is the query, 4 the limit. SearchResponse: 1 is a trace, of which 1 is the id.
    raw = [*call(b"\x42\x03{ }\x20\x01", timeout=60)][-1]
    assert raw[0] == 0x0A
    assert b"\x0a\x011\x12\x03web\x1a\x0bGET /orders" in raw


def test_save_and_test_is_a_search_that_may_find_nothing() -> None:
    with listening(MemorySource([])) as empty:
        found = empty.ask("Search", Query="{}", Limit=1, **WINDOW)
    assert found == {"metrics": {"completedJobs": 1, "totalJobs": 1}}


def test_a_mistake_is_an_invalid_argument_with_line_column_and_caret(port: Port) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        port.ask("Search", Query="{ .a = }")
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    details = caught.value.details() or ""
    assert "line 1, col 8" in details
    assert details.endswith("  { .a = }\n         ^")


def test_time_that_ran_out_is_a_deadline() -> None:
    with (
        listening(MemorySource(two_services()), Security(query_seconds=0)) as late,
        pytest.raises(grpc.RpcError, match="out of time") as caught,
    ):
        late.ask("MetricsQueryInstant", query=RATE, **NANOS)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_a_client_that_leaves_ends_its_search() -> None:
    source = EndlessSource()
    with listening(source, Security(query_seconds=60)) as port:
        call = port.stream("Search", Query="{ }")
        assert source.started.wait(30)
        call.cancel()
        assert source.stopped.wait(30)


def test_a_token_is_asked_for_as_in_http() -> None:
    with listening(MemorySource(two_services()), Security(token="secret")) as port:
        with pytest.raises(grpc.RpcError) as caught:
            port.ask("Search", Query="{ }")
        assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
        [found] = port.stream("Search", (("authorization", "Bearer secret"),), Query="{ }")
    assert len(found.traces) == 2


def test_an_answer_of_megabytes_passes_whole() -> None:
    names = [f"{number:04} " + "x" * 2_000 for number in range(1_000)]
    spans = [span(number, 1, name=name) for number, name in enumerate(names, 1)]
    with listening(MemorySource(spans)) as port:
        [found] = port.stream("Search", Query="{ }", Limit=2_000)
    assert sorted(one.rootTraceName for one in found.traces) == names
    assert found.ByteSize() > 4_000_000

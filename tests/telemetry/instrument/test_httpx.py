"""httpx, over real sockets and over transports of the application's own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest
from opentelemetry.trace import SpanKind, StatusCode

from shared.telemetry.instrument import httpx as instrumentation
from tests.telemetry.instrument.recorded import Recorded


class Echo(BaseHTTPRequestHandler):
    """Answers with the request's headers; `/status/N` with that status, `/redirect` with a redirect."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        status = int(self.path.rsplit("/", 1)[1].split("?")[0]) if self.path.startswith("/status/") else 200
        self.send_response(302 if self.path == "/redirect" else status)
        if self.path == "/redirect":
            self.send_header("Location", "/landed")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}"
    listening.shutdown()
    listening.server_close()
    thread.join()


@pytest.fixture
def traced(recorded: Recorded) -> None:
    instrumentation.instrument(tracer_provider=recorded.provider)


@pytest.mark.usefixtures("traced")
def test_a_request_is_a_client_span_with_stable_attributes(recorded: Recorded, server: str) -> None:
    with httpx.Client() as client:
        client.get(f"{server}/users?page=2&api_key=s3cret")
    span = recorded.only()
    assert span.name == "GET"
    assert span.kind is SpanKind.CLIENT
    assert dict(span.attributes or {}) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.full": f"{server}/users?page=2&api_key=REDACTED",
        "server.address": "127.0.0.1",
        "server.port": int(server.rsplit(":", 1)[1]),
        "network.protocol.version": "1.1",
    }


@pytest.mark.usefixtures("traced")
async def test_the_span_reaches_the_server_as_traceparent(recorded: Recorded, server: str) -> None:
    async with httpx.AsyncClient() as client:
        seen = (await client.get(server)).json()
    context = recorded.only().context
    assert context is not None
    flags = int(context.trace_flags)
    assert seen["traceparent"] == f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags:02x}"


async def test_a_client_made_before_is_traced_after(recorded: Recorded, server: str) -> None:
    async with httpx.AsyncClient() as client:
        instrumentation.instrument(tracer_provider=recorded.provider)
        await client.get(server)
    assert recorded.names == ["GET"]


@pytest.mark.usefixtures("traced")
def test_a_transport_of_the_applications_own_is_traced(recorded: Recorded) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(204))
    with httpx.Client(transport=transport) as client:
        client.get("http://anywhere.example/")
    assert (recorded.only().attributes or {})["http.response.status_code"] == 204


@pytest.mark.usefixtures("traced")
def test_each_hop_of_a_redirect_has_its_span_and_its_number(recorded: Recorded, server: str) -> None:
    with httpx.Client(follow_redirects=True) as client:
        client.get(f"{server}/redirect")
    first, second = recorded.spans
    assert "http.request.resend_count" not in (first.attributes or {})
    assert (second.attributes or {})["http.request.resend_count"] == 1
    assert first.parent == second.parent


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("status", [404, 503])
def test_an_error_answered_is_an_error_of_the_client(recorded: Recorded, server: str, status: int) -> None:
    with httpx.Client() as client:
        client.get(f"{server}/status/{status}")
    span = recorded.only()
    assert (span.attributes or {})["error.type"] == str(status)
    assert span.status.status_code is StatusCode.ERROR


@pytest.mark.usefixtures("traced")
def test_a_refused_connection_is_recorded_and_raised_on(recorded: Recorded) -> None:
    with httpx.Client() as client, pytest.raises(httpx.ConnectError):
        client.get("http://127.0.0.1:1/")
    span = recorded.only()
    assert (span.attributes or {})["error.type"] == "httpx.ConnectError"
    assert [event.name for event in span.events] == ["exception"]


def test_uninstrumented_clients_are_as_they_were(recorded: Recorded, server: str) -> None:
    before = httpx.Client._send_single_request
    instrumentation.instrument(tracer_provider=recorded.provider)
    instrumentation.uninstrument()
    assert httpx.Client._send_single_request is before
    httpx.get(server)
    assert recorded.spans == []

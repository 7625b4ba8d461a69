from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator

import httpx
import pytest

from temponest.nest.api import jaeger, tempo
from temponest.nest.api.server import MAX_BODY_BYTES, Security, require_safe_bind
from temponest.nest.model.budget import Budget
from temponest.nest.model.fetch import FetchRequest
from temponest.nest.model.source import CancelCheck, CancelledError
from temponest.nest.traceql import engine
from tests.nest.make import two_services
from tests.nest.memory_source import MemorySource
from tests.nest.serving import serving


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(tempo.create_app(MemorySource(two_services()))) as client:
        yield client


@pytest.mark.parametrize("host", ["evil.example", "evil.example:3200", "localhost.evil", "", "10.0.0.1"])
def test_a_host_that_is_not_this_machine_is_refused(client: httpx.Client, host: str) -> None:
    reply = client.get("/api/search/tags", headers={"host": host})
    assert reply.status_code == 421
    assert "Host" in reply.text


@pytest.mark.parametrize("host", ["localhost:3200", "127.0.0.1", "[::1]:3200", "127.1.2.3"])
def test_every_name_of_this_machine_is_served(client: httpx.Client, host: str) -> None:
    assert client.get("/api/echo", headers={"host": host}).status_code == 200


def test_a_named_host_is_served_when_it_is_allowed() -> None:
    security = Security(hosts=frozenset({"nest.internal"}))
    with serving(tempo.create_app(MemorySource(), security)) as client:
        assert client.get("/api/echo", headers={"host": "nest.internal:80"}).status_code == 200
        assert client.get("/api/echo", headers={"host": "other.internal"}).status_code == 421


@pytest.mark.parametrize(
    ("sent", "status"),
    [("Bearer s3cret", 200), ("bearer s3cret", 401), ("Bearer wrong", 401), ("Basic s3cret", 401), ("", 401)],
)
def test_a_token_is_asked_for_when_there_is_one(sent: str, status: int) -> None:
    with serving(tempo.create_app(MemorySource(), Security(token="s3cret"))) as client:
        headers = {"authorization": sent} if sent else {}
        assert client.get("/api/echo", headers=headers).status_code == status


@pytest.mark.parametrize("path", ["/api/search", "/api/v2/search/tags", "/api/traces/1"])
def test_no_query_may_be_read_by_a_page_of_another_origin(client: httpx.Client, path: str) -> None:
    headers = {"origin": "http://localhost:3000", "access-control-request-method": "GET"}
    for reply in (client.options(path, headers=headers), client.get(path, headers=headers)):
        assert not [name for name in reply.headers if name.startswith("access-control-")]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_questions_are_asked_by_get_only(client: httpx.Client, method: str) -> None:
    assert client.request(method, "/api/search").status_code == 405


def test_a_body_that_announces_too_much_is_refused_unread(client: httpx.Client) -> None:
    head = f"GET /api/search HTTP/1.1\r\nhost: localhost\r\ncontent-length: {MAX_BODY_BYTES + 1}\r\n\r\n"
    with socket.create_connection(("127.0.0.1", client.base_url.port)) as connection:
        connection.sendall(head.encode())
        assert b" 413 " in connection.makefile("rb").readline()


def test_an_unknown_path_is_404_in_the_dialects_words(client: httpx.Client) -> None:
    assert client.get("/nothing").status_code == 404
    with serving(jaeger.create_app(MemorySource())) as other:
        assert other.get("/api/nothing").json()["errors"][0]["code"] == 404


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "[::1]", "localhost"])
def test_listening_to_this_machine_needs_nothing(host: str) -> None:
    require_safe_bind(host, None, unprotected=False)


@pytest.mark.parametrize(("token", "unprotected"), [("secret", False), (None, True)])
def test_a_token_or_a_wish_is_enough_to_listen_to_other_machines(
    token: str | None, *, unprotected: bool
) -> None:
    require_safe_bind("192.168.1.5", token, unprotected=unprotected)


@pytest.mark.parametrize("host", ["::", "192.168.1.5", "nest.internal"])
def test_listening_to_other_machines_without_a_token_is_refused(host: str) -> None:
    with pytest.raises(ValueError, match="token"):
        require_safe_bind(host, None, unprotected=False)


class BrokenSource(MemorySource):
    def services(self, _: CancelCheck) -> list[str]:
        raise RuntimeError("planted: /secret/path")


def test_an_unexpected_error_is_logged_and_its_details_stay_inside(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR), serving(jaeger.create_app(BrokenSource())) as client:
        reply = client.get("/api/services")
    assert reply.status_code == 500
    assert "secret" not in reply.text
    assert "planted" in caplog.text


def test_a_client_that_speaks_http2_is_let_go_without_a_word_in_the_log(
    client: httpx.Client, caplog: pytest.LogCaptureFixture
) -> None:
    port = client.base_url.port
    assert port is not None
    with caplog.at_level(logging.DEBUG), socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"PRI * HTTP")
        connection.sendall(b"/2.0\r\n\r\nSM\r\n\r\n")
        assert connection.recv(100) == b""
    assert [record for record in caplog.records if record.name.startswith("uvicorn")] == []


def test_a_request_that_begins_like_http2_is_answered_like_any_other(client: httpx.Client) -> None:
    port = client.base_url.port
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(b"P")
        connection.sendall(b"UT /api/echo HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        assert b" 405 " in connection.makefile("rb").readline()


class EndlessSource(MemorySource):
    """A search that ends only when it is told to."""

    def __init__(self) -> None:
        super().__init__(two_services())
        self.started = threading.Event()
        self.stopped = threading.Event()

    def search(self, request: FetchRequest, cancelled: CancelCheck) -> Iterator[list[bytes]]:
        yield from super().search(request, cancelled)
        self.started.set()
        while not cancelled():
            self.stopped.wait(0.001)
        self.stopped.set()
        raise CancelledError


class ExpiringBudget(Budget):
    """Its time is over when the source has given all it has."""

    def __init__(self, source: EndlessSource) -> None:
        super().__init__()
        self.source = source

    def spent(self) -> bool:
        return self.source.started.is_set()


def test_a_search_that_runs_out_of_time_gives_what_it_found_and_says_so() -> None:
    source = EndlessSource()
    result = engine.search(source, "{ }", budget=ExpiringBudget(source))
    assert len(result.traces) == 2
    reply = tempo.reply.search(result)
    assert reply.headers["TempoNest-Cut-Off"] == "time"
    assert b'"completedJobs":0' in reply.body


def test_a_client_that_leaves_ends_its_search() -> None:
    source = EndlessSource()
    with serving(tempo.create_app(source, Security(query_seconds=60))) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.get("/api/search", params={"q": "{ }"}, timeout=0.2)
        assert source.stopped.wait(30)


def test_a_metrics_query_that_read_nothing_in_time_is_503() -> None:
    params = {"q": "{ } | rate()", "start": "1", "end": "2000000000"}
    security = Security(query_seconds=0)
    with serving(tempo.create_app(MemorySource(two_services()), security)) as client:
        reply = client.get("/api/metrics/query", params=params)
    assert (reply.status_code, "out of time" in reply.text) == (503, True)

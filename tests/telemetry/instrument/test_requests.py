"""requests, over real sockets."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import requests
from opentelemetry import baggage
from opentelemetry.context import attach, detach
from opentelemetry.trace import SpanKind, StatusCode
from requests.adapters import BaseAdapter

from shared.telemetry.instrument import requests as instrumentation
from tests.telemetry.instrument.echo import echo_server
from tests.telemetry.instrument.recorded import Recorded, attributes_of, context_of


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with echo_server() as address:
        yield address


@pytest.fixture(autouse=True)
def _traced(recorded: Recorded) -> None:
    instrumentation.instrument(tracer_provider=recorded.provider)


def test_a_request_is_a_client_span_with_stable_attributes(recorded: Recorded, server: str) -> None:
    requests.get(f"{server}/users?page=2&api_key=s3cret", timeout=5)
    span = recorded.only()
    assert span.name == "GET"
    assert span.kind is SpanKind.CLIENT
    assert attributes_of(span) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "url.full": f"{server}/users?page=2&api_key=REDACTED",
        "server.address": "127.0.0.1",
        "server.port": int(server.rsplit(":", 1)[1]),
        "network.protocol.version": "1.1",
    }


def test_the_span_reaches_the_server_as_traceparent(recorded: Recorded, server: str) -> None:
    seen = requests.get(server, timeout=5).json()
    sent = context_of(recorded.only())
    assert seen["traceparent"] == f"00-{sent.trace_id:032x}-{sent.span_id:016x}-{sent.trace_flags:02x}"


def test_baggage_travels_with_the_span(recorded: Recorded, server: str) -> None:
    token = attach(baggage.set_baggage("tenant", "acme"))
    seen = requests.get(server, timeout=5).json()
    detach(token)
    assert seen["baggage"] == "tenant=acme"
    assert seen["traceparent"].split("-")[1] == f"{context_of(recorded.only()).trace_id:032x}"


def test_each_hop_of_a_redirect_has_its_span_beside_the_first(recorded: Recorded, server: str) -> None:
    with recorded.tracer.start_as_current_span("outer"):
        response = requests.get(f"{server}/redirect", timeout=5)
    first, second, outer = recorded.spans
    assert response.url == f"{server}/landed"
    assert attributes_of(first)["http.response.status_code"] == 302
    assert "http.request.resend_count" not in attributes_of(first)
    assert attributes_of(second)["http.request.resend_count"] == 1
    for hop in (first, second):
        assert hop.parent is not None
        assert hop.parent.span_id == context_of(outer).span_id
    assert response.json()["traceparent"].split("-")[2] == f"{context_of(second).span_id:016x}"


def test_a_redirect_that_is_not_followed_is_one_span(recorded: Recorded, server: str) -> None:
    response = requests.get(f"{server}/redirect", allow_redirects=False, timeout=5)
    assert response.next is not None
    assert recorded.names == ["GET"]


@pytest.mark.parametrize("status", [404, 503])
def test_an_error_answered_is_an_error_of_the_client(recorded: Recorded, server: str, status: int) -> None:
    requests.get(f"{server}/status/{status}", timeout=5)
    span = recorded.only()
    assert attributes_of(span)["error.type"] == str(status)
    assert span.status.status_code is StatusCode.ERROR


def test_a_refused_connection_is_recorded_and_raised_on(recorded: Recorded) -> None:
    with pytest.raises(requests.ConnectionError):
        requests.get("http://127.0.0.1:1/", timeout=5)
    span = recorded.only()
    assert attributes_of(span)["error.type"] == "requests.exceptions.ConnectionError"
    assert [event.name for event in span.events] == ["exception"]


def test_an_adapter_of_the_applications_own_is_traced(recorded: Recorded) -> None:
    class Canned(BaseAdapter):
        def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
            response = requests.Response()
            response.request, response.url, response.status_code = request, request.url or "", 204
            response._content = b""
            return response

        def close(self) -> None:
            pass

    with requests.Session() as session:
        session.mount("canned://", Canned())
        session.get("canned://anywhere.example/")
    assert attributes_of(recorded.only())["http.response.status_code"] == 204


def test_uninstrumented_sessions_are_as_they_were(recorded: Recorded, server: str) -> None:
    instrumentation.uninstrument()
    assert "traceparent" not in requests.get(server, timeout=5).json()
    assert recorded.spans == []


def test_headers_are_recorded_where_named_and_secrets_in_them_never(
    recorded: Recorded, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST", "X-.*,Authorization")
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE", "Content-Length")
    instrumentation.uninstrument()
    instrumentation.instrument(tracer_provider=recorded.provider)
    headers = {"x-tenant": "acme", "authorization": "Bearer s3cret"}
    response = requests.get(server, headers=headers, timeout=5)
    captured = {key: value for key, value in attributes_of(recorded.only()).items() if ".header." in key}
    assert captured == {
        "http.request.header.x-tenant": ("acme",),
        "http.request.header.authorization": ("REDACTED",),
        "http.response.header.content-length": (str(len(response.content)),),
    }


def test_excluded_urls_are_called_without_a_span(
    recorded: Recorded, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_PYTHON_REQUESTS_EXCLUDED_URLS", "/quiet")
    instrumentation.uninstrument()
    instrumentation.instrument(tracer_provider=recorded.provider)
    assert "traceparent" not in requests.get(f"{server}/quiet", timeout=5).json()
    assert recorded.spans == []

"""httpx, over real sockets and over transports of the application's own."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import httpx
import httpx2
import pytest
from opentelemetry import baggage, propagate
from opentelemetry.context import Context, attach, detach, get_current
from opentelemetry.propagators.textmap import TextMapPropagator, default_getter, default_setter
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

from shared.telemetry.instrument import httpx as instrumentation
from shared.telemetry.instrument.client import suppressing_http
from tests.telemetry.instrument.echo import echo_server
from tests.telemetry.instrument.recorded import Recorded, attributes_of, context_of


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with echo_server() as address:
        yield address


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
    assert attributes_of(span) == {
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


@pytest.mark.usefixtures("traced")
async def test_baggage_travels_with_the_span(recorded: Recorded, server: str) -> None:
    token = attach(baggage.set_baggage("tenant", "acme"))
    async with httpx.AsyncClient() as client:
        seen = (await client.get(server)).json()
    detach(token)
    assert seen["baggage"] == "tenant=acme"
    assert seen["traceparent"].split("-")[1] == f"{context_of(recorded.only()).trace_id:032x}"


@pytest.mark.usefixtures("traced")
async def test_a_traceparent_of_before_is_replaced_and_not_doubled(recorded: Recorded, server: str) -> None:
    async with httpx.AsyncClient() as client:
        request = client.build_request("GET", server)
        first = (await client.send(request)).json()
        second = (await client.send(request)).json()
    assert first["traceparent"] != second["traceparent"]
    assert [value for name, value in request.headers.raw if name == b"traceparent"] == [
        second["traceparent"].encode()
    ]
    assert len(recorded.spans) == 2


@pytest.mark.usefixtures("traced")
async def test_a_propagator_of_another_format_is_asked(recorded: Recorded, server: str) -> None:
    class Shouting(TextMapPropagator):
        def extract(
            self, carrier: Any, context: Context | None = None, getter: Any = default_getter
        ) -> Context:
            raise NotImplementedError

        def inject(self, carrier: Any, context: Context | None = None, setter: Any = default_setter) -> None:
            setter.set(carrier, "x-loud-trace", f"{get_current_span(context).get_span_context().span_id:x}!")

        @property
        def fields(self) -> set[str]:
            return {"x-loud-trace"}

    before = propagate.get_global_textmap()
    propagate.set_global_textmap(Shouting())
    try:
        async with httpx.AsyncClient() as client:
            seen = (await client.get(server)).json()
    finally:
        propagate.set_global_textmap(before)
    assert seen["x-loud-trace"] == f"{context_of(recorded.only()).span_id:x}!"
    assert "traceparent" not in seen


@pytest.mark.usefixtures("traced")
async def test_a_streamed_answer_ends_its_span_with_the_headers(recorded: Recorded, server: str) -> None:
    async with httpx.AsyncClient() as client, client.stream("GET", server) as response:
        assert recorded.names == ["GET"]
        await response.aread()


@pytest.mark.usefixtures("traced")
async def test_a_cancelled_request_ends_its_span_as_an_error(recorded: Recorded) -> None:
    reached = asyncio.Event()

    class Hanging(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            reached.set()
            await asyncio.Event().wait()
            raise AssertionError(request)

    async with httpx.AsyncClient(transport=Hanging()) as client:
        task = asyncio.create_task(client.get("http://slow.example/"))
        await reached.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    span = recorded.only()
    assert attributes_of(span)["error.type"] == "asyncio.exceptions.CancelledError"
    assert list(span.events) == []


@pytest.mark.usefixtures("traced")
async def test_a_transport_of_the_application_runs_inside_the_span(recorded: Recorded) -> None:
    class Caching(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            with recorded.tracer.start_as_current_span("look into the cache"):
                return httpx.Response(200, request=request)

    async with httpx.AsyncClient(transport=Caching()) as client:
        await client.get("http://cached.example/")
    parent = recorded.named("look into the cache").parent
    assert parent is not None
    assert parent.span_id == context_of(recorded.named("GET")).span_id


@pytest.mark.usefixtures("traced")
async def test_a_suppressed_call_makes_no_span(recorded: Recorded, server: str) -> None:
    token = attach(suppressing_http(get_current()))
    async with httpx.AsyncClient() as client:
        seen = (await client.get(server)).json()
    detach(token)
    assert recorded.spans == []
    assert "traceparent" not in seen


@pytest.mark.usefixtures("traced")
def test_user_and_password_of_a_url_stay_in_the_process(recorded: Recorded, server: str) -> None:
    with httpx.Client() as client:
        client.get(server.replace("://", "://ada:s3cret@"))
    assert "s3cret" not in str(recorded.only().attributes)


@pytest.mark.usefixtures("traced")
def test_an_unknown_method_is_other(recorded: Recorded) -> None:
    transport = httpx.MockTransport(lambda _: httpx.Response(204))
    with httpx.Client(transport=transport) as client:
        client.request("PROPFIND", "http://dav.example/")
    span = recorded.only()
    assert span.name == "HTTP"
    assert attributes_of(span)["http.request.method"] == "_OTHER"
    assert attributes_of(span)["http.request.method_original"] == "PROPFIND"


def test_old_attributes_are_added_where_asked_for(
    recorded: Recorded, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "http/dup")
    instrumentation.instrument(tracer_provider=recorded.provider)
    httpx.get(f"{server}/old")
    attributes = attributes_of(recorded.only())
    assert attributes["http.url"] == attributes["url.full"] == f"{server}/old"
    assert attributes["http.status_code"] == attributes["http.response.status_code"] == 200


@pytest.mark.usefixtures("traced")
def test_durations_are_recorded_where_somebody_asks(recorded: Recorded, server: str) -> None:
    calls: list[tuple[float, Any, int, str | None]] = []
    instrumentation.record_durations(lambda *call: calls.append(call))
    try:
        httpx.get(f"{server}/status/404")
    finally:
        instrumentation.record_durations(None)
    ((seconds, attributes, status, error),) = calls
    assert seconds > 0
    assert attributes["http.request.method"] == "GET"
    assert (status, error) == (404, "404")
    assert len(recorded.spans) == 1


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
    assert attributes_of(recorded.only())["http.response.status_code"] == 204


@pytest.mark.usefixtures("traced")
def test_each_hop_of_a_redirect_has_its_span_and_its_number(recorded: Recorded, server: str) -> None:
    with httpx.Client(follow_redirects=True) as client:
        client.get(f"{server}/redirect")
    first, second = recorded.spans
    assert "http.request.resend_count" not in attributes_of(first)
    assert attributes_of(second)["http.request.resend_count"] == 1
    assert first.parent == second.parent


@pytest.mark.usefixtures("traced")
@pytest.mark.parametrize("status", [404, 503])
def test_an_error_answered_is_an_error_of_the_client(recorded: Recorded, server: str, status: int) -> None:
    with httpx.Client() as client:
        client.get(f"{server}/status/{status}")
    span = recorded.only()
    assert attributes_of(span)["error.type"] == str(status)
    assert span.status.status_code is StatusCode.ERROR


@pytest.mark.usefixtures("traced")
def test_a_refused_connection_is_recorded_and_raised_on(recorded: Recorded) -> None:
    with httpx.Client() as client, pytest.raises(httpx.ConnectError):
        client.get("http://127.0.0.1:1/")
    span = recorded.only()
    assert attributes_of(span)["error.type"] == "httpx.ConnectError"
    assert [event.name for event in span.events] == ["exception"]


def test_uninstrumented_clients_are_as_they_were(recorded: Recorded, server: str) -> None:
    before = httpx.Client._send_single_request
    instrumentation.instrument(tracer_provider=recorded.provider)
    instrumentation.uninstrument()
    assert httpx.Client._send_single_request is before
    httpx.get(server)
    assert recorded.spans == []


def test_httpx2_is_traced_alike(recorded: Recorded, server: str) -> None:
    instrumentation.instrument(tracer_provider=recorded.provider)
    seen = httpx2.get(f"{server}/two").json()
    span = recorded.only()
    assert attributes_of(span)["url.full"] == f"{server}/two"
    assert seen["traceparent"].split("-")[2] == f"{context_of(span).span_id:016x}"


def test_headers_are_recorded_where_named_and_secrets_in_them_never(
    recorded: Recorded, server: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_REQUEST", "X-.*,Authorization")
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_CLIENT_RESPONSE", "Content-Length")
    instrumentation.instrument(tracer_provider=recorded.provider)
    response = httpx.get(server, headers={"x-tenant": "acme", "authorization": "Bearer s3cret"})
    captured = {key: value for key, value in attributes_of(recorded.only()).items() if ".header." in key}
    assert captured == {
        "http.request.header.x-tenant": ("acme",),
        "http.request.header.authorization": ("REDACTED",),
        "http.response.header.content-length": (str(len(response.content)),),
    }


@pytest.mark.parametrize("variable", ["OTEL_PYTHON_HTTPX_EXCLUDED_URLS", "OTEL_PYTHON_EXCLUDED_URLS"])
async def test_excluded_urls_are_called_without_a_span(
    recorded: Recorded, server: str, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    monkeypatch.setenv(variable, "/quiet")
    instrumentation.instrument(tracer_provider=recorded.provider)
    async with httpx.AsyncClient() as client:
        assert "traceparent" not in (await client.get(f"{server}/quiet")).json()
        await client.get(f"{server}/loud")
    assert [attributes_of(span)["url.full"] for span in recorded.spans] == [f"{server}/loud"]

"""The tracing middleware where requests are out of the ordinary, driven by bare ASGI calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from fastapi import BackgroundTasks, FastAPI
from fastapi.testclient import TestClient
from opentelemetry.trace import StatusCode, get_current_span

from shared.telemetry.instrument import fastapi as fastapi_instrumentation
from shared.telemetry.instrument.asgi import TracingMiddleware
from tests.telemetry.instrument.recorded import Recorded, attributes_of, context_of, parent_of

Message = dict[str, Any]
Send = Callable[[Message], Awaitable[None]]

START: Message = {"type": "http.response.start", "status": 200, "headers": []}
BODY: Message = {"type": "http.response.body", "body": b"whole"}


async def call(app: Any, **scope: Any) -> list[Message]:
    """What the application sent in answer to a request."""
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def receive() -> Message:
        return {"type": "http.request"}

    request = {"type": "http", "method": "GET", "path": "/", "headers": [], "query_string": b"", **scope}
    await app(request, receive, send)
    return sent


async def answer(scope: Any, receive: Any, send: Send) -> None:
    assert scope
    assert receive
    await send(START)
    await send(BODY)


def traced(recorded: Recorded, app: Any = answer, **options: Any) -> TracingMiddleware:
    return TracingMiddleware(app, tracer_provider=recorded.provider, **options)


async def test_a_request_without_host_client_or_agent_is_traced(recorded: Recorded) -> None:
    await call(traced(recorded))
    assert attributes_of(recorded.only()) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "network.protocol.version": "1.1",
        "url.path": "/",
        "url.scheme": "http",
    }


async def test_an_unknown_method_is_other_and_named_http(recorded: Recorded) -> None:
    await call(traced(recorded), method="PROPFIND")
    span = recorded.only()
    assert span.name == "HTTP"
    assert attributes_of(span)["http.request.method"] == "_OTHER"
    assert attributes_of(span)["http.request.method_original"] == "PROPFIND"


async def test_the_known_methods_are_the_operators_to_choose(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "PROPFIND")
    app = traced(recorded)
    await call(app, method="PROPFIND")
    await call(app, method="GET")
    assert recorded.names == ["PROPFIND", "HTTP"]


@pytest.mark.parametrize(
    ("host", "address", "port"),
    [
        (b"shop.example", "shop.example", 80),
        (b"shop.example:8080", "shop.example", 8080),
        (b"[::1]:8080", "::1", 8080),
        (b"[::1]", "::1", 80),
        (b"shop.example:none", "shop.example:none", 80),
    ],
)
async def test_the_server_is_read_from_the_host_header(
    recorded: Recorded, host: bytes, address: str, port: int
) -> None:
    await call(traced(recorded), headers=[(b"host", host)])
    attributes = attributes_of(recorded.only())
    assert (attributes["server.address"], attributes["server.port"]) == (address, port)


async def test_the_client_behind_a_proxy_is_the_first_forwarded(recorded: Recorded) -> None:
    headers = [(b"x-forwarded-for", b"203.0.113.7, 10.0.0.1")]
    await call(traced(recorded), headers=headers, client=("10.0.0.2", 5000))
    attributes = attributes_of(recorded.only())
    assert attributes["client.address"] == "203.0.113.7"
    assert attributes["network.peer.address"] == "10.0.0.2"


async def test_a_traceparent_sent_twice_is_left_to_the_propagator(recorded: Recorded) -> None:
    headers = [
        (b"traceparent", b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
        (b"traceparent", b"00-1af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),
    ]
    await call(traced(recorded), headers=headers)
    assert recorded.only().parent is None


@pytest.mark.parametrize(
    "line",
    [
        b"00-00000000000000000000000000000000-b7ad6b7169203331-01",
        b"00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        b"00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-more",
        b"ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        b"",
    ],
)
async def test_a_traceparent_out_of_form_begins_a_new_trace(recorded: Recorded, line: bytes) -> None:
    await call(traced(recorded), headers=[(b"traceparent", line)])
    assert recorded.only().parent is None


async def test_baggage_of_the_request_is_current_in_the_application(recorded: Recorded) -> None:
    from opentelemetry import baggage

    seen: list[object] = []

    async def app(scope: Any, receive: Any, send: Send) -> None:
        seen.append(baggage.get_baggage("tenant"))
        await answer(scope, receive, send)

    await call(traced(recorded, app), headers=[(b"baggage", b"tenant=acme")])
    assert seen == ["acme"]


async def test_a_cancelled_request_ends_as_an_error_without_a_stack_trace(recorded: Recorded) -> None:
    reached = asyncio.Event()

    async def app(*_: Any) -> None:
        reached.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(call(traced(recorded, app)))
    await reached.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    span = recorded.only()
    assert attributes_of(span)["error.type"] == "asyncio.exceptions.CancelledError"
    assert "http.response.status_code" not in attributes_of(span)
    assert span.status.status_code is StatusCode.ERROR
    assert list(span.events) == []


async def test_a_stream_that_breaks_off_is_an_error_with_the_status_sent(recorded: Recorded) -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        assert scope
        assert receive
        await send(START)
        await send({"type": "http.response.body", "body": b"half", "more_body": True})

    await call(traced(recorded, app))
    span = recorded.only()
    assert attributes_of(span)["http.response.status_code"] == 200
    assert attributes_of(span)["error.type"] == "client_disconnected"


async def test_an_exception_amid_a_stream_keeps_the_status_sent(recorded: Recorded) -> None:
    async def app(scope: Any, receive: Any, send: Send) -> None:
        assert scope
        assert receive
        await send(START)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await call(traced(recorded, app))
    attributes = attributes_of(recorded.only())
    assert attributes["http.response.status_code"] == 200
    assert attributes["error.type"] == "OSError"


async def test_the_span_is_current_in_the_application_and_not_after_it(recorded: Recorded) -> None:
    seen: list[Any] = []

    async def app(scope: Any, receive: Any, send: Send) -> None:
        seen.append(get_current_span())
        await answer(scope, receive, send)

    await call(traced(recorded, app))
    assert seen[0].get_span_context() == context_of(recorded.only())
    assert not get_current_span().get_span_context().is_valid


@pytest.mark.parametrize(
    ("variables", "path", "left_out"),
    [
        ({"OTEL_PYTHON_EXCLUDED_URLS": "^/internal,secret$"}, "/internal/jobs", True),
        ({"OTEL_PYTHON_EXCLUDED_URLS": "^/internal,secret$"}, "/top-secret", True),
        ({"OTEL_PYTHON_EXCLUDED_URLS": "^/internal"}, "/not/internal", False),
        ({"OTEL_PYTHON_EXCLUDED_URLS": "shop.example"}, "/", False),
        ({"OTEL_PYTHON_EXCLUDED_URLS": "^/a", "OTEL_PYTHON_FASTAPI_EXCLUDED_URLS": "^/b"}, "/a", False),
        ({"OTEL_PYTHON_EXCLUDED_URLS": "^/a", "OTEL_PYTHON_FASTAPI_EXCLUDED_URLS": "^/b"}, "/b", True),
        ({}, "/health", True),
        ({}, "/health/of/nations", False),
    ],
)
async def test_requests_are_left_out_by_path(
    recorded: Recorded,
    monkeypatch: pytest.MonkeyPatch,
    variables: dict[str, str],
    path: str,
    left_out: bool,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    await call(traced(recorded), path=path, headers=[(b"host", b"shop.example")])
    assert (recorded.spans == []) == left_out


async def test_exclusions_given_in_code_replace_the_built_in_ones(recorded: Recorded) -> None:
    app = traced(recorded, excluded_urls="^/quiet")
    await call(app, path="/health")
    await call(app, path="/quiet")
    assert [attributes_of(span)["url.path"] for span in recorded.spans] == ["/health"]


@pytest.mark.parametrize(("name", "value"), [("TELEMETRY_ENABLED", "false"), ("OTEL_SDK_DISABLED", "true")])
async def test_switched_off_requests_pass_straight_through(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(name, value)
    assert await call(traced(recorded)) == [START, BODY]
    assert recorded.spans == []


async def test_headers_are_recorded_where_named_and_secrets_in_them_never(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    prefix = "OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_"
    monkeypatch.setenv(f"{prefix}SERVER_REQUEST", "Accept,X-.*,Authorization")
    monkeypatch.setenv(f"{prefix}SERVER_RESPONSE", ".*")
    monkeypatch.setenv(f"{prefix}SANITIZE_FIELDS", "x-mine")

    async def app(scope: Any, receive: Any, send: Send) -> None:
        assert scope
        assert receive
        await send({**START, "headers": [(b"set-cookie", b"s3cret"), (b"etag", b"v1")]})
        await send(BODY)

    await call(
        traced(recorded, app),
        headers=[
            (b"accept", b"a/b"),
            (b"accept", b"c/d"),
            (b"authorization", b"Bearer s3cret"),
            (b"x-api-key", b"s3cret"),
            (b"x-mine", b"s3cret"),
            (b"dnt", b"1"),
        ],
    )
    captured = {key: value for key, value in attributes_of(recorded.only()).items() if ".header." in key}
    assert captured == {
        "http.request.header.accept": ("a/b", "c/d"),
        "http.request.header.authorization": ("REDACTED",),
        "http.request.header.x-api-key": ("REDACTED",),
        "http.request.header.x-mine": ("REDACTED",),
        "http.response.header.set-cookie": ("REDACTED",),
        "http.response.header.etag": ("v1",),
    }


async def test_old_attributes_are_added_where_asked_for(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SEMCONV_STABILITY_OPT_IN", "http/dup")
    await call(traced(recorded), headers=[(b"host", b"shop.example:81")], query_string=b"a=1&token=s3cret")
    attributes = attributes_of(recorded.only())
    assert attributes["http.url"] == "http://shop.example:81/?a=1&token=REDACTED"
    assert attributes["http.target"] == "/?a=1&token=REDACTED"
    assert attributes["http.status_code"] == attributes["http.response.status_code"] == 200
    assert attributes["http.method"] == attributes["http.request.method"] == "GET"


def test_background_work_has_a_span_of_its_own_after_the_request(recorded: Recorded) -> None:
    fastapi_instrumentation.instrument(tracer_provider=recorded.provider)
    app = FastAPI()

    async def clean_up() -> None:
        assert recorded.names == ["POST /jobs"]

    @app.post("/jobs")
    async def jobs(tasks: BackgroundTasks) -> None:
        tasks.add_task(clean_up)

    TestClient(app).post("/jobs")
    request, work = recorded.spans
    assert work.name.startswith("background test_background_work")
    assert parent_of(work) == context_of(request)
    assert request.end_time is not None
    assert work.start_time is not None
    assert work.start_time >= request.end_time


def test_failed_background_work_fails_its_own_span_alone(recorded: Recorded) -> None:
    fastapi_instrumentation.instrument(tracer_provider=recorded.provider)
    app = FastAPI()

    def breaks() -> None:
        raise ValueError("no good")

    @app.post("/jobs")
    async def jobs(tasks: BackgroundTasks) -> None:
        tasks.add_task(breaks)

    TestClient(app, raise_server_exceptions=False).post("/jobs")
    request, work = recorded.spans
    assert request.status.status_code is StatusCode.UNSET
    assert attributes_of(work)["error.type"] == "ValueError"


def test_the_lifespan_passes_through_and_flushes_at_its_end(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []

    async def flush() -> None:
        happened.append("flush")

    monkeypatch.setattr("shared.telemetry.lifecycle.flush_at_lifespan_shutdown", flush)
    app = FastAPI(on_shutdown=[lambda: happened.append("shutdown")])
    app.add_middleware(TracingMiddleware, tracer_provider=recorded.provider)
    with TestClient(app):
        assert happened == []
    assert happened == ["shutdown", "flush"]
    assert recorded.spans == []

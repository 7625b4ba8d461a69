"""WebSockets: one span for the handshake, whatever comes after it."""

from __future__ import annotations

import pytest
from fastapi import FastAPI, WebSocket
from fastapi.testclient import TestClient
from opentelemetry.trace import StatusCode
from starlette.responses import PlainTextResponse
from starlette.testclient import WebSocketDenialResponse
from starlette.websockets import WebSocketDisconnect

from shared.telemetry.instrument.asgi import TracingMiddleware
from tests.telemetry.instrument.recorded import Recorded, attributes_of


def test_a_websocket_handshake_is_a_span_that_ends_when_accepted(recorded: Recorded) -> None:
    app = FastAPI()
    app.add_middleware(TracingMiddleware, tracer_provider=recorded.provider)

    @app.websocket("/rooms/{room}")
    async def room(websocket: WebSocket, room: str) -> None:
        await websocket.accept()
        await websocket.send_text(room)
        await websocket.send_text(",".join(recorded.names))
        await websocket.close()

    with TestClient(app).websocket_connect("/rooms/7") as session:
        assert session.receive_text() == "7"
        assert session.receive_text() == "GET /rooms/{room}"
    span = recorded.only()
    assert attributes_of(span)["http.response.status_code"] == 101
    assert attributes_of(span)["url.scheme"] == "ws"
    assert span.status.status_code is StatusCode.UNSET


def test_the_headers_of_an_accepted_handshake_are_recorded_where_named(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_INSTRUMENTATION_HTTP_CAPTURE_HEADERS_SERVER_RESPONSE", "X-.*")
    app = FastAPI()
    app.add_middleware(TracingMiddleware, tracer_provider=recorded.provider)

    @app.websocket("/")
    async def accepts(websocket: WebSocket) -> None:
        await websocket.accept(headers=[(b"x-room", b"7")])
        await websocket.close()

    with TestClient(app).websocket_connect("/"):
        pass
    assert attributes_of(recorded.only())["http.response.header.x-room"] == ("7",)


def test_a_websocket_that_is_refused_is_403(recorded: Recorded) -> None:
    app = FastAPI()
    app.add_middleware(TracingMiddleware, tracer_provider=recorded.provider)

    @app.websocket("/refuses")
    async def refuses(websocket: WebSocket) -> None:
        await websocket.close()

    with pytest.raises(WebSocketDisconnect), TestClient(app).websocket_connect("/refuses"):
        pass
    assert attributes_of(recorded.only())["http.response.status_code"] == 403


def test_a_websocket_refused_with_an_answer_has_its_status(recorded: Recorded) -> None:
    app = FastAPI()
    app.add_middleware(TracingMiddleware, tracer_provider=recorded.provider)

    @app.websocket("/teapot")
    async def teapot(websocket: WebSocket) -> None:
        await websocket.send_denial_response(PlainTextResponse("no", 418))

    with pytest.raises(WebSocketDenialResponse), TestClient(app).websocket_connect("/teapot"):
        pass
    assert attributes_of(recorded.only())["http.response.status_code"] == 418

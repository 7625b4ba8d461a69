"""The tracing middleware on FastAPI applications, called in process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from fastapi import APIRouter, FastAPI, HTTPException
from fastapi.responses import StreamingResponse
from opentelemetry.trace import SpanKind, StatusCode, get_current_span

from shared.telemetry.instrument.asgi import TracingMiddleware
from tests.telemetry.instrument.recorded import Recorded, attributes_of


@pytest.fixture
def app(recorded: Recorded) -> FastAPI:
    app = FastAPI()
    app.add_middleware(TracingMiddleware, service_name="test", tracer_provider=recorded.provider)

    @app.get("/users/{user_id}")
    async def user(user_id: int) -> int:
        return user_id

    @app.get("/fails")
    async def fails() -> None:
        raise ValueError("no good")

    @app.get("/teapot")
    async def teapot() -> None:
        raise HTTPException(418)

    @app.get("/unavailable")
    async def unavailable() -> None:
        raise HTTPException(503)

    return app


def client_of(app: Any, **options: Any) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app, raise_app_exceptions=False, **options)
    return httpx.AsyncClient(transport=transport, base_url="http://shop.example:8080")


async def test_a_request_is_one_server_span_named_after_its_route(app: FastAPI, recorded: Recorded) -> None:
    async with client_of(app) as client:
        await client.get("/users/42")
    span = recorded.only()
    assert span.name == "GET /users/{user_id}"
    assert span.kind is SpanKind.SERVER
    assert span.status.status_code is StatusCode.UNSET


async def test_the_attributes_are_those_of_the_stable_conventions(app: FastAPI, recorded: Recorded) -> None:
    async with client_of(app) as client:
        await client.get("/users/42?page=2&token=s3cret", headers={"user-agent": "tester/1"})
    assert attributes_of(recorded.only()) == {
        "http.request.method": "GET",
        "http.response.status_code": 200,
        "http.route": "/users/{user_id}",
        "url.scheme": "http",
        "url.path": "/users/42",
        "url.query": "page=2&token=REDACTED",
        "server.address": "shop.example",
        "server.port": 8080,
        "client.address": "127.0.0.1",
        "network.peer.address": "127.0.0.1",
        "network.peer.port": 123,
        "network.protocol.version": "1.1",
        "user_agent.original": "tester/1",
    }


async def test_the_parent_comes_from_the_traceparent_header(app: FastAPI, recorded: Recorded) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    async with client_of(app) as client:
        await client.get("/users/42", headers={"traceparent": parent})
    span = recorded.only()
    assert span.parent is not None
    assert span.parent.is_remote
    assert f"{span.parent.trace_id:032x}" == "0af7651916cd43dd8448eb211c80319c"
    assert f"{span.parent.span_id:016x}" == "b7ad6b7169203331"


async def test_an_unmatched_path_is_named_by_its_method_alone(app: FastAPI, recorded: Recorded) -> None:
    async with client_of(app) as client:
        await client.get("/no/such/42")
    span = recorded.only()
    assert span.name == "GET"
    assert "http.route" not in attributes_of(span)
    assert span.status.status_code is StatusCode.UNSET


async def test_an_unhandled_exception_is_recorded_as_500_and_raised_on(
    app: FastAPI, recorded: Recorded
) -> None:
    async with client_of(app) as client:
        response = await client.get("/fails")
    assert response.status_code == 500
    span = recorded.only()
    assert attributes_of(span)["http.response.status_code"] == 500
    assert attributes_of(span)["error.type"] == "ValueError"
    assert span.status.status_code is StatusCode.ERROR
    assert [event.name for event in span.events] == ["exception"]


@pytest.mark.parametrize(("path", "status", "error"), [("/teapot", 418, None), ("/unavailable", 503, "503")])
async def test_only_answers_of_500_and_above_are_errors_of_the_server(
    app: FastAPI, recorded: Recorded, path: str, status: int, error: str | None
) -> None:
    async with client_of(app) as client:
        await client.get(path)
    span = recorded.only()
    assert attributes_of(span)["http.response.status_code"] == status
    assert attributes_of(span).get("error.type") == error
    assert (span.status.status_code is StatusCode.ERROR) == (error is not None)


async def test_the_route_of_included_routers_and_mounts_is_whole(app: FastAPI, recorded: Recorded) -> None:
    items = APIRouter(prefix="/items")

    @items.get("/{item_id}")
    async def item(item_id: int) -> int:
        return item_id

    versioned = APIRouter(prefix="/v1")
    versioned.include_router(items)
    app.include_router(versioned, prefix="/api")
    shop = FastAPI()

    @shop.get("/orders/{order_id}")
    async def order(order_id: int) -> int:
        return order_id

    app.mount("/shops/{shop}", shop)
    async with client_of(app) as client:
        await client.get("/api/v1/items/7")
        await client.get("/shops/acme/orders/7")
        await client.get("/shops/acme/nothing")
    assert recorded.names == ["GET /api/v1/items/{item_id}", "GET /shops/{shop}/orders/{order_id}", "GET"]


async def test_a_root_path_of_the_server_is_not_part_of_the_route(app: FastAPI, recorded: Recorded) -> None:
    async with client_of(app, root_path="/proxy") as client:
        await client.get("/proxy/users/1")
    assert recorded.only().name == "GET /users/{user_id}"


async def test_two_requests_at_once_do_not_mix(app: FastAPI, recorded: Recorded) -> None:
    both = asyncio.Barrier(2)

    @app.get("/status/{code}")
    async def status(code: int) -> None:
        get_current_span().set_attribute("seen", code)
        await both.wait()
        raise HTTPException(code)

    async with client_of(app) as client:
        await asyncio.gather(client.get("/status/404"), client.get("/status/503"))
    for span in recorded.spans:
        assert attributes_of(span)["seen"] == attributes_of(span)["http.response.status_code"]


async def test_a_streamed_answer_ends_with_its_last_chunk_and_makes_no_spans_of_chunks(
    app: FastAPI, recorded: Recorded
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        for _ in range(3):
            assert recorded.spans == []
            yield b"chunk"

    @app.get("/stream")
    async def stream() -> StreamingResponse:
        return StreamingResponse(chunks())

    async with client_of(app) as client:
        assert (await client.get("/stream")).content == b"chunk" * 3
    assert recorded.names == ["GET /stream"]


@pytest.mark.parametrize("path", ["/health", "/healthz", "/ready", "/readyz", "/livez", "/metrics"])
async def test_health_paths_are_left_out_with_all_they_cause(
    app: FastAPI, recorded: Recorded, path: str
) -> None:
    @app.get(path)
    async def healthy() -> None:
        with recorded.tracer.start_as_current_span("check"):
            pass

    async with client_of(app) as client:
        assert (await client.get(path)).status_code == 200
    assert recorded.spans == []


async def test_the_outer_of_two_middlewares_makes_the_span(app: FastAPI, recorded: Recorded) -> None:
    async with client_of(TracingMiddleware(app, tracer_provider=recorded.provider)) as client:
        await client.get("/users/1")
    assert recorded.names == ["GET /users/{user_id}"]


async def test_a_name_and_attributes_that_the_application_sets_stay(app: FastAPI, recorded: Recorded) -> None:
    @app.get("/named/{thing}")
    async def named(thing: str) -> str:
        get_current_span().update_name("my own name")
        get_current_span().set_attribute("url.scheme", "gopher")
        return thing

    async with client_of(app) as client:
        await client.get("/named/thing")
    span = recorded.only()
    assert span.name == "my own name"
    assert attributes_of(span)["url.scheme"] == "gopher"
    assert attributes_of(span)["http.route"] == "/named/{thing}"
    assert attributes_of(span)["http.response.status_code"] == 200

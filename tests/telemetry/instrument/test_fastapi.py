"""FastAPI applications that do nothing about telemetry themselves."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from opentelemetry import trace
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Host, Mount, Route, Router

from shared.telemetry.instrument import fastapi as instrumentation
from shared.telemetry.instrument.asgi import TracingMiddleware
from tests.telemetry.instrument.recorded import Recorded, attributes_of, context_of, parent_of


def user(user_id: int) -> int:
    return user_id


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    app.get("/users/{user_id}")(user)
    return app


def test_an_application_without_a_middleware_is_traced(app: FastAPI, recorded: Recorded) -> None:
    instrumentation.instrument(tracer_provider=recorded.provider)
    TestClient(app).get("/users/1")
    assert recorded.names == ["GET /users/{user_id}"]


def test_an_application_with_the_middleware_is_traced_once(app: FastAPI, recorded: Recorded) -> None:
    instrumentation.instrument(tracer_provider=recorded.provider)
    app.add_middleware(TracingMiddleware, tracer_provider=recorded.provider)
    TestClient(app).get("/users/1")
    assert recorded.names == ["GET /users/{user_id}"]


def test_a_mounted_application_is_traced_once(app: FastAPI, recorded: Recorded) -> None:
    instrumentation.instrument(tracer_provider=recorded.provider)
    outer = FastAPI()
    outer.mount("/v1", app)
    TestClient(outer).get("/v1/users/1")
    assert recorded.names == ["GET /v1/users/{user_id}"]


@pytest.mark.parametrize("mounted", [False, True], ids=["alone", "mounted"])
@pytest.mark.parametrize("answered", [False, True], ids=["by the framework", "by a handler"])
def test_an_exception_that_nobody_handled_is_recorded_whoever_answers_it(
    answered: bool, mounted: bool, app: FastAPI, recorded: Recorded
) -> None:
    instrumentation.instrument(tracer_provider=recorded.provider)
    seen: list[int] = []

    @app.get("/fails")
    def fails() -> None:
        raise LookupError("no such thing")

    if answered:

        @app.exception_handler(Exception)
        async def sorry(request: Request, error: Exception) -> PlainTextResponse:
            assert (request.method, str(error)) == ("GET", "no such thing")
            seen.append(trace.get_current_span().get_span_context().trace_id)
            return PlainTextResponse("sorry", 503)

    outer = app
    if mounted:
        outer = FastAPI()
        outer.add_middleware(TracingMiddleware, tracer_provider=recorded.provider)
        outer.mount("/v1", app)
    status = 503 if answered else 500
    answer = TestClient(outer, raise_server_exceptions=False).get("/v1/fails" if mounted else "/fails")
    assert answer.status_code == status
    span = recorded.only()
    attributes = attributes_of(span)
    assert (attributes["http.response.status_code"], attributes["error.type"]) == (status, "LookupError")
    assert [dict(event.attributes or {})["exception.message"] for event in span.events] == ["no such thing"]
    assert seen == ([context_of(span).trace_id] if answered else [])


@pytest.mark.parametrize("in_a_thread", [False, True])
def test_the_handler_of_an_unhandled_exception_is_in_the_trace_outside_of_the_middleware(
    in_a_thread: bool, app: FastAPI, recorded: Recorded
) -> None:
    instrumentation.instrument(tracer_provider=recorded.provider)
    app.add_middleware(TracingMiddleware, tracer_provider=recorded.provider)

    @app.get("/fails")
    def fails() -> None:
        raise LookupError

    def sorry(request: Request, error: Exception) -> PlainTextResponse:
        assert isinstance(error, LookupError)
        with recorded.tracer.start_as_current_span(f"sorry for {request.url.path}"):
            return PlainTextResponse("sorry", 500)

    async def sorry_at_once(request: Request, error: Exception) -> PlainTextResponse:
        return sorry(request, error)

    app.add_exception_handler(Exception, sorry if in_a_thread else sorry_at_once)
    with TestClient(app, raise_server_exceptions=False) as client:
        assert client.get("/fails").text == "sorry"
        assert client.get("/users/1").text == "1"
    failed, handler, next_one = recorded.spans
    assert parent_of(handler).span_id == context_of(failed).span_id
    assert next_one.parent is None


def test_a_plain_starlette_application_is_traced(recorded: Recorded) -> None:
    async def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.path_params["page"])

    instrumentation.instrument(tracer_provider=recorded.provider)
    app = Starlette(routes=[Mount("/site", routes=[Route("/{page}", page)])])
    TestClient(app).get("/site/news")
    TestClient(app).get("/site/news/of/today")
    assert recorded.names == ["GET /site/{page}", "GET /site/{path}"]


def test_a_plain_route_of_a_fastapi_application_is_named(app: FastAPI, recorded: Recorded) -> None:
    instrumentation.instrument(tracer_provider=recorded.provider)
    TestClient(app).get("/docs")
    assert recorded.names == ["GET /docs"]


def test_fastapis_own_telemetry_adds_no_second_span(
    app: FastAPI, recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", recorded.provider)
    instrumentation.instrument()
    TestClient(app).get("/users/1")
    assert recorded.names == ["GET /users/{user_id}"]


def test_an_application_that_hands_fastapi_a_provider_keeps_its_telemetry(recorded: Recorded) -> None:
    own = Recorded()
    instrumentation.instrument(tracer_provider=recorded.provider)
    settings: Any = {"tracer_provider": own.provider, "operation_spans": False}
    app = FastAPI(telemetry=settings)
    app.get("/users/{user_id}")(user)
    TestClient(app).get("/users/1")
    assert own.names == ["GET /users/{user_id}"]


def test_uninstrumented_applications_are_as_they_were(app: FastAPI, recorded: Recorded) -> None:
    before = FastAPI.build_middleware_stack
    instrumentation.instrument(tracer_provider=recorded.provider)
    assert FastAPI.build_middleware_stack is not before
    instrumentation.uninstrument()
    assert FastAPI.build_middleware_stack is before
    TestClient(app).get("/users/1")
    assert recorded.spans == []


def test_a_route_below_a_host_is_named_by_its_template(recorded: Recorded) -> None:
    async def page(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.path_params["tenant"])

    instrumentation.instrument(tracer_provider=recorded.provider)
    below = Router(routes=[Route("/pages/{page}", page)])
    app = Starlette(routes=[Host("{tenant}.example", below)])
    assert TestClient(app, base_url="http://acme.example").get("/pages/1").text == "acme"
    assert recorded.names == ["GET /pages/{page}"]


def test_a_method_that_the_route_does_not_have_is_named_by_the_route(
    app: FastAPI, recorded: Recorded
) -> None:
    instrumentation.instrument(tracer_provider=recorded.provider)
    assert TestClient(app).delete("/users/1").status_code == 405
    assert recorded.names == ["DELETE /users/{user_id}"]

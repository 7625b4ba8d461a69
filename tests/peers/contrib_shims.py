"""A pytest plugin: puts our instrumentations where the contrib suites expect contrib's.

Only the ways in are replaced (instrumentors and the ASGI middleware); whatever else a suite imports stays
contrib's own. A test that never comes by one of them tests contrib and says nothing about us; the report of
each test says whether it did. Ours instrument classes, not single clients: where a suite asks for one client,
all are instrumented. Contrib makes a span for each ASGI `send` and `receive`, which most of its tests count
before they look at the request's span; here a middleware inside of ours makes them, so they look at ours.
"""

from __future__ import annotations

import importlib
from collections.abc import Generator
from types import ModuleType
from typing import Any

import pytest
from opentelemetry import metrics, trace
from starlette.middleware import Middleware

from shared.telemetry.instrument import asyncpg, fastapi, httpx, redis, requests
from shared.telemetry.instrument.asgi import MetricsMiddleware, TracingMiddleware
from shared.telemetry.instrument.durations import measure_clients, measure_no_clients

_used: set[str] = set()
"""The ways into ours that the running test took, and those that a class has taken for all of its tests."""
_undone: set[str] = set()
"""Which of them it closed again."""


class Renamed(metrics.MeterProvider):
    """A meter provider under whose meters the suites look for contrib's metrics."""

    def __init__(self, library: str, provider: Any = None) -> None:
        self._name = f"opentelemetry.instrumentation.{library}"
        self._provider = provider

    def get_meter(
        self, _: str, version: str | None = None, schema_url: str | None = None, __: Any = None
    ) -> metrics.Meter:
        """The meter of contrib's name."""
        provider: metrics.MeterProvider = self._provider or metrics.get_meter_provider()
        return provider.get_meter(self._name, version, schema_url)


class EventSpans:
    """Makes contrib's spans of `send` and `receive`, inside of our middlewares."""

    def __init__(self, app: Any, *, tracer_provider: Any = None, but: tuple[str, ...] = ()) -> None:
        self._app = app
        self._provider = tracer_provider
        self._but = but

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan" or not trace.get_current_span().is_recording():
            await self._app(scope, receive, send)
            return
        tracer = (self._provider or trace.get_tracer_provider()).get_tracer(
            "opentelemetry.instrumentation.asgi"
        )
        name = f"{scope.get('method', '')} {scope['path']}".strip() + f" {scope['type']}"

        async def received() -> Any:
            with tracer.start_as_current_span(f"{name} receive") as span:
                message = await receive()
                describe(span, message)
            return message

        async def sent(message: Any) -> None:
            with tracer.start_as_current_span(f"{name} send") as span:
                describe(span, message)
            await send(message)

        await self._app(
            scope, receive if "receive" in self._but else received, send if "send" in self._but else sent
        )


def describe(span: Any, message: Any) -> None:
    """Set the attributes that contrib gives to such a span, by the stable conventions."""
    if message["type"] in ("http.response.start", "websocket.send", "websocket.receive"):
        span.set_attribute("http.response.status_code", message.get("status", 200))
    span.set_attribute("asgi.event.type", message["type"])


def middleware(app: Any, *, excluded_urls: Any = None, **options: Any) -> Any:
    """Stands in for `OpenTelemetryMiddleware`: ours for traces around ours for metrics."""
    _used.add("middleware")
    patterns = getattr(excluded_urls, "_excluded_urls", excluded_urls)
    inner = EventSpans(
        app,
        tracer_provider=options.get("tracer_provider"),
        but=tuple(options.get("exclude_spans") or ()),
    )
    measured = MetricsMiddleware(
        inner,
        meter_provider=Renamed("asgi", options.get("meter_provider")),
        excluded_urls=patterns,
        body_sizes=True,
    )
    return TracingMiddleware(measured, tracer_provider=options.get("tracer_provider"), excluded_urls=patterns)


def switch_on(ours: ModuleType, *, tracer_provider: Any = None, meter_provider: Any = None, **_: Any) -> None:
    """Instrument with the providers of now: a suite puts new global ones into place for each test."""
    _used.add(ours.__name__)
    _undone.discard(ours.__name__)
    ours.uninstrument()
    ours.instrument(tracer_provider=tracer_provider)
    if ours is not fastapi:
        measure_clients(Renamed(ours.__name__.rpartition(".")[2], meter_provider))


def switch_off(ours: ModuleType) -> None:
    """Undo it."""
    _undone.add(ours.__name__)
    ours.uninstrument()
    measure_no_clients()


def instrumentor(ours: ModuleType, base: type) -> type:
    """An instrumentor class that switches one module of ours on and off."""

    class Instrumentor(base):  # type: ignore[misc]  # chosen at run time
        def instrument(self, **options: Any) -> None:
            # A test that fails leaves its instrumentation switched on, and contrib's class would refuse.
            self._is_instrumented_by_opentelemetry = False
            super().instrument(**options)

        def _instrument(self, **options: Any) -> None:
            switch_on(ours, **options)

        def _uninstrument(self, **_: Any) -> None:
            switch_off(ours)

        def instrumentation_dependencies(self) -> list[str]:
            return []

        @staticmethod
        def instrument_client(*_: Any, **options: Any) -> None:
            switch_on(ours, **options)

        @staticmethod
        def uninstrument_client(*_: Any, **__: Any) -> None:
            switch_off(ours)

        uninstrument_session = uninstrument_client

    return Instrumentor


def fastapi_instrumentor(base: type) -> type:
    """The same with the two calls for one application."""

    class FastAPIInstrumentor(instrumentor(fastapi, base)):  # type: ignore[misc]  # chosen at run time
        @staticmethod
        def instrument_app(app: Any, *, excluded_urls: Any = None, **options: Any) -> None:
            _used.add("instrument_app")
            FastAPIInstrumentor.uninstrument_app(app)
            events = Middleware(
                EventSpans,
                tracer_provider=options.get("tracer_provider"),
                but=tuple(options.get("exclude_spans") or ()),
            )
            measured = Middleware(
                MetricsMiddleware,
                meter_provider=Renamed("fastapi", options.get("meter_provider")),
                excluded_urls=excluded_urls,
                body_sizes=True,
            )
            traced = Middleware(
                TracingMiddleware,
                tracer_provider=options.get("tracer_provider"),
                excluded_urls=excluded_urls,
            )
            app.user_middleware[:0] = [measured, traced, events]
            if app.middleware_stack is not None:
                # Some suites instrument applications that have started.
                app.middleware_stack = app.build_middleware_stack()
            app._is_instrumented_by_opentelemetry = True
            fastapi.instrument(tracer_provider=options.get("tracer_provider"))

        @staticmethod
        def uninstrument_app(app: Any) -> None:
            app.user_middleware = [
                added
                for added in app.user_middleware
                if added.cls not in (MetricsMiddleware, TracingMiddleware, EventSpans)
            ]
            if app.middleware_stack is not None:
                app.middleware_stack = app.build_middleware_stack()
            app._is_instrumented_by_opentelemetry = False

    return FastAPIInstrumentor


def replace(module: str, name: str, ours: Any) -> None:
    """Replace a name in a contrib module; suites of other packages run without the module."""
    try:
        found = importlib.import_module(f"opentelemetry.instrumentation.{module}")
    except ImportError:
        return
    setattr(found, name, ours)


OURS = {
    "asyncpg": ("AsyncPGInstrumentor", asyncpg),
    "redis": ("RedisInstrumentor", redis),
    "httpx": ("HTTPXClientInstrumentor", httpx),
    "requests": ("RequestsInstrumentor", requests),
}


def pytest_configure() -> None:
    """Called by pytest before the suite is collected."""
    base = importlib.import_module("opentelemetry.instrumentation.instrumentor").BaseInstrumentor
    replace("asgi", "OpenTelemetryMiddleware", middleware)
    replace("fastapi", "FastAPIInstrumentor", fastapi_instrumentor(base))
    for library, (name, ours) in OURS.items():
        replace(library, name, instrumentor(ours, base))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, None, None]:
    """Say in the report of each test whether it came by ours."""
    try:
        yield
    finally:
        item.user_properties.append(("ours", bool(_used)))
        _used.difference_update(_undone, ("middleware", "instrument_app"))
        _undone.clear()

"""A pytest plugin: puts our instrumentations where the contrib suites expect contrib's.

Only the ways in are replaced (instrumentors and the ASGI middleware); whatever else a suite imports stays
contrib's own, so a test of contrib's helper functions tests contrib and says nothing about us. Ours
instrument classes, not single clients: where a suite asks for one client, all are instrumented.
"""

from __future__ import annotations

import importlib
from types import ModuleType
from typing import Any

from starlette.middleware import Middleware

from shared.telemetry.instrument import asyncpg, fastapi, httpx, redis, requests
from shared.telemetry.instrument.asgi import MetricsMiddleware, TracingMiddleware


def middleware(app: Any, *, excluded_urls: Any = None, **options: Any) -> Any:
    """Stands in for `OpenTelemetryMiddleware`: ours for traces around ours for metrics."""
    patterns = getattr(excluded_urls, "_excluded_urls", excluded_urls)
    measured = MetricsMiddleware(
        app, meter_provider=options.get("meter_provider"), excluded_urls=patterns, body_sizes=True
    )
    return TracingMiddleware(measured, tracer_provider=options.get("tracer_provider"), excluded_urls=patterns)


def instrumentor(ours: ModuleType, base: type) -> type:
    """An instrumentor class that switches one module of ours on and off."""

    class Instrumentor(base):  # type: ignore[misc]  # chosen at run time
        def instrument(self, **options: Any) -> None:
            # A test that fails leaves its instrumentation switched on, and contrib's class would refuse.
            self._is_instrumented_by_opentelemetry = False
            super().instrument(**options)

        def _instrument(self, **options: Any) -> None:
            # A suite puts a new global provider into place for each test.
            ours.uninstrument()
            ours.instrument(tracer_provider=options.get("tracer_provider"))

        def _uninstrument(self, **_: Any) -> None:
            ours.uninstrument()

        def instrumentation_dependencies(self) -> list[str]:
            return []

        @staticmethod
        def instrument_client(*_: Any, tracer_provider: Any = None, **__: Any) -> None:
            ours.uninstrument()
            ours.instrument(tracer_provider=tracer_provider)

        @staticmethod
        def uninstrument_client(*_: Any, **__: Any) -> None:
            ours.uninstrument()

        uninstrument_session = uninstrument_client

    return Instrumentor


def fastapi_instrumentor(base: type) -> type:
    """The same with the two calls for one application."""

    class FastAPIInstrumentor(instrumentor(fastapi, base)):  # type: ignore[misc]  # chosen at run time
        @staticmethod
        def instrument_app(app: Any, *, excluded_urls: Any = None, **options: Any) -> None:
            FastAPIInstrumentor.uninstrument_app(app)
            measured = Middleware(
                MetricsMiddleware,
                meter_provider=options.get("meter_provider"),
                excluded_urls=excluded_urls,
                body_sizes=True,
            )
            traced = Middleware(
                TracingMiddleware,
                tracer_provider=options.get("tracer_provider"),
                excluded_urls=excluded_urls,
            )
            app.user_middleware[:0] = [measured, traced]
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
                if added.cls not in (MetricsMiddleware, TracingMiddleware)
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

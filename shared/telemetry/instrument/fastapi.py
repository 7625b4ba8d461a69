"""FastAPI and Starlette: every application is traced, background tasks too, and by one hand only."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from opentelemetry.trace import INVALID_SPAN, SpanKind, Status, StatusCode, TracerProvider, get_current_span

from ..trace.context import activate, deactivate
from . import semconv
from .asgi.tracing import STATE, ASGIApp, Receive, Scope, Send, ServerRequest, TracingMiddleware
from .imports import forget, when_imported
from .patch import Patches

_ERROR = Status(StatusCode.ERROR)

_patches = Patches()
_patched: set[str] = set()
_provider: TracerProvider | None = None


def instrument(*, tracer_provider: TracerProvider | None = None) -> None:
    """Trace every FastAPI and Starlette application that has not handled a request yet.

    An application that adds `TracingMiddleware` itself keeps it where it is; others get one around them.
    FastAPI's own telemetry is silenced, as a second server span and second metrics for each request would
    help nobody; an application that hands it a provider of its own (`FastAPI(telemetry={...})`) keeps it.

    Args:
        tracer_provider: takes the place of the global provider.
    """
    global _provider
    _provider = tracer_provider
    for module, patch in _PATCHES.items():
        when_imported(module, patch)


def uninstrument() -> None:
    """Put FastAPI and Starlette back as they were; applications that are running keep their middleware."""
    for module, patch in _PATCHES.items():
        forget(module, patch)
    _patches.undo()
    _patched.clear()


def _once(module: str) -> bool:
    if module in _patched:
        return False
    _patched.add(module)
    return True


def _patch_starlette() -> None:
    if _once("starlette.applications"):
        from starlette.applications import Starlette

        _patches.replace(Starlette, "build_middleware_stack", _with_tracing)


def _patch_fastapi() -> None:
    if _once("fastapi.applications"):
        from fastapi.applications import FastAPI

        # A class of its own method; older versions inherit Starlette's, which is replaced already.
        if "build_middleware_stack" in vars(FastAPI):
            _patches.replace(FastAPI, "build_middleware_stack", _with_tracing)


def _patch_background() -> None:
    if _once("starlette.background"):
        from starlette.background import BackgroundTask

        _patches.replace(BackgroundTask, "__call__", _in_span)


def _patch_native() -> None:
    if _once("fastapi.telemetry._asgi"):
        import sys

        # Named by a string: FastAPI before 0.160 has no such module, and it is no public one.
        native = sys.modules["fastapi.telemetry._asgi"]
        _patches.replace(native.NativeTelemetry, "enabled", _only_with_a_provider)


_PATCHES = {
    "starlette.applications": _patch_starlette,
    "fastapi.applications": _patch_fastapi,
    "starlette.background": _patch_background,
    "fastapi.telemetry._asgi": _patch_native,
}


def _with_tracing(original: Any) -> Any:
    @functools.wraps(original)
    def build_middleware_stack(app: Any) -> Any:
        stack = original(app)
        if isinstance(stack, TracingMiddleware) or any(
            isinstance(added.cls, type) and issubclass(added.cls, TracingMiddleware)
            for added in app.user_middleware
        ):
            # Who answers what nobody handled is called outside of the middleware, too.
            if getattr(stack, "handler", None) is not None:
                stack.handler = _in_trace(stack.handler)
            return stack
        # The outermost layer answers what nobody handled before it raises it on, too late for the span.
        if hasattr(stack, "app"):
            stack.app = _Unhandled(stack.app)
        return TracingMiddleware(stack, tracer_provider=_provider)

    return build_middleware_stack


def _in_trace(handler: Any) -> Any:
    """The handler of unhandled exceptions, with the request's span current, though it has ended."""
    if inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(type(handler).__call__):

        @functools.wraps(handler)
        async def handle(request: Any, error: Exception) -> Any:
            with _again(request.scope):
                return await handler(request, error)

        return handle

    @functools.wraps(handler)
    def handle_in_thread(request: Any, error: Exception) -> Any:
        with _again(request.scope):
            return handler(request, error)

    return handle_in_thread


@contextmanager
def _again(scope: Scope) -> Iterator[None]:
    request: ServerRequest | None = scope.get(STATE)
    if request is None:
        yield
        return
    token = activate(request.span)
    try:
        yield
    finally:
        deactivate(token)


class _Unhandled:
    """Tells the request's span of an exception that is about to be answered further out.

    Args:
        app: all of the application but the layer that makes a 500 of such an exception.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self.app(scope, receive, send)
        except BaseException as error:
            request: ServerRequest | None = scope.get(STATE)
            if request is not None:
                request.failed(error)
            raise


def _in_span(original: Any) -> Any:
    tracer = semconv.tracer("fastapi", _provider)

    @functools.wraps(original)
    async def call(task: Any) -> None:
        if get_current_span() is INVALID_SPAN:
            # Outside of a traced request there is nothing to belong to; a task begins no trace of its own.
            await original(task)
            return
        function = task.func
        name = getattr(function, "__qualname__", type(function).__qualname__)
        module = getattr(function, "__module__", None)
        span = tracer.start_span(
            f"background {name}",
            kind=SpanKind.INTERNAL,
            attributes={"code.function.name": f"{module}.{name}" if module else name},
        )
        token = activate(span)
        try:
            await original(task)
        except BaseException as error:
            span.set_attribute("error.type", semconv.error_type(error))
            if isinstance(error, Exception):
                span.record_exception(error)
            span.set_status(_ERROR)
            raise
        finally:
            deactivate(token)
            span.end()

    return call


def _only_with_a_provider(original: Any) -> Any:
    @functools.wraps(original)
    def enabled(native: Any) -> bool:
        config = native.config
        if (
            config.get("tracer_provider") is None
            and config.get("meter_provider") is None
            and config.get("logger_provider") is None
        ):
            return False
        return bool(original(native))

    return enabled

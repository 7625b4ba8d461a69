"""One server span for each HTTP request and each WebSocket handshake."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from time import time_ns
from typing import Any

from opentelemetry.context import attach
from opentelemetry.trace import Span, SpanKind, TracerProvider

from ...config import disabled
from ...cost import SERVER
from ...lifecycle import report
from ...otlp.attributes import Extended
from ...trace.context import activate, deactivate
from .. import client, propagation, semconv
from ..headers import HeaderCapture
from .attributes import RequestAttributes, Shape
from .route import Exclusion, route_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

STATE = "shared.telemetry"
"""Key of the scope: the `ServerRequest` of a traced request, None for a request left out of tracing."""


class TracingMiddleware:
    """ASGI middleware that gives every HTTP request one server span, named after its route.

    It belongs inside the application (`app.add_middleware(TracingMiddleware, service_name="agents")`) or
    around it; where there are two, the outer one counts. With telemetry switched off
    (`TELEMETRY_ENABLED=false`, `OTEL_SDK_DISABLED=true`) requests pass straight through. Spans follow the
    stable conventions for HTTP server spans; `OTEL_SEMCONV_STABILITY_OPT_IN=http/dup` adds the old
    attributes.

    Args:
        app: the application.
        service_name: accepted for the symmetry of the two middlewares; the service is named once, in
            `setup_tracing`.
        tracer_provider: takes the place of the global provider.
        excluded_urls: regular expressions searched in the path, in one comma-separated string or several;
            they replace the environment's and the built-in list of health paths.
    """

    def __init__(
        self,
        app: ASGIApp,
        service_name: str | None = None,  # noqa: ARG002 - part of the contract, says nothing about a request
        *,
        tracer_provider: TracerProvider | None = None,
        excluded_urls: str | Iterable[str] | None = None,
    ) -> None:
        self.app = app
        self._on = disabled() is None
        self._start_span = semconv.tracer("asgi", tracer_provider).start_span
        self._excluded = Exclusion(excluded_urls)
        self._describe = RequestAttributes(semconv.known_methods(), old_too=semconv.old_http_too())
        self._request_headers = HeaderCapture("server", "request") or None
        self._response_headers = HeaderCapture("server", "response") or None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application, inside a span when the scope is a request."""
        cost = SERVER.begin()
        kind = scope["type"]
        if not self._on or STATE in scope or kind not in ("http", "websocket"):
            if kind == "lifespan":
                send = _flushing(send)
            await self.app(scope, receive, send)
            return
        if self._excluded(scope):
            scope[STATE] = None
            token = attach(propagation.unsampled())
            try:
                await self.app(scope, receive, send)
            finally:
                deactivate(token)
            return
        request = None
        try:
            raw = scope.get("headers") or ()
            headers = dict(raw)
            parent = propagation.extract(raw, headers)
            shape, own = self._describe(scope, headers)
            if self._request_headers is not None:
                own |= self._request_headers(raw)
            span = self._start_span(shape.name, parent, SpanKind.SERVER, Extended(shape.attributes, own))
            token = activate(span, parent)
            scope[STATE] = request = ServerRequest(self, shape, span, scope, send)
        except Exception as error:  # noqa: BLE001 - telemetry never hurts the application
            report(error, "tracing a request")
        if cost:
            SERVER.end(cost)
        if request is None:
            await self.app(scope, receive, send)
            return
        try:
            await self.app(scope, receive, request.send if kind == "http" else request.send_websocket)
        except BaseException as error:
            request.failed(error)
            raise
        finally:
            if request.end_ns == 0:
                request.finish()
            request.release()
            deactivate(token)


class ServerRequest:
    """What one request has come to: its span, status, route and end, all local to the request.

    Attributes:
        span: the server span.
        status: status code of the response, 0 before it started.
        route: template of the route that answered, None before the end and for requests no route matched.
        end_ns: time of the end in nanoseconds since the epoch, 0 before it; the same instant ends the span.
        error_type: the value of `error.type`, None when all went well.
        on_end: called with the request once its span has ended, for whoever measures it.
    """

    __slots__ = (
        "_done", "_middleware", "_root", "_scope", "_send", "_shape",
        "end_ns", "error_type", "on_end", "route", "span", "status",
    )  # fmt: skip

    def __init__(
        self, middleware: TracingMiddleware, shape: Shape, span: Span, scope: Scope, send: Send
    ) -> None:
        self._middleware = middleware
        self._scope = scope
        self._send = send
        self._shape = shape
        self._root: str = scope.get("root_path", "")
        self._done = False
        self.span = span
        self.status = 0
        self.route: str | None = None
        self.end_ns = 0
        self.error_type: str | None = None
        self.on_end: Callable[[ServerRequest], None] | None = None

    def send(self, message: Message) -> Awaitable[None]:
        """Take note of a response event on its way out; the last one ends the span."""
        kind = message["type"]
        if kind == "http.response.start":
            self._started(message)
            return self._send(message)
        if kind in ("http.response.body", "http.response.pathsend") and not message.get("more_body", False):
            return self._send_last(message)
        return self._send(message)

    def send_websocket(self, message: Message) -> Awaitable[None]:
        """Take note of a WebSocket event on its way out; the answer to the handshake ends the span."""
        if self.end_ns:
            return self._send(message)
        kind = message["type"]
        if kind == "websocket.accept":
            self.status = 101
            return self._send_last(message)
        if kind == "websocket.close":
            # Servers answer a close before the accept with 403 (ASGI, WebSocket close).
            self.status = 403
            return self._send_last(message)
        if kind == "websocket.http.response.start":
            self._started(message)
        elif kind == "websocket.http.response.body" and not message.get("more_body", False):
            return self._send_last(message)
        return self._send(message)

    def failed(self, error: BaseException) -> None:
        """Record that the application raised: a 500 unless a response had begun."""
        if self.end_ns:
            return
        self.error_type = semconv.error_type(error)
        if isinstance(error, Exception):
            self.span.record_exception(error)
            if self.status == 0:
                self.status = 500

    def finish(self) -> None:
        """End the span, once, with what is known by now."""
        cost = SERVER.begin()
        self.end_ns = time_ns()
        try:
            self._end()
        except Exception as error:  # noqa: BLE001 - telemetry never hurts the application
            report(error, "ending a request's span")
        if cost:
            SERVER.end(cost)
        if self.on_end is not None:
            self.on_end(self)

    def _end(self) -> None:
        span = self.span
        self.route = route = route_of(self._scope, self._root)
        if self.error_type is None:
            if self.status >= 500:
                self.error_type = str(self.status)
            elif not self._done:
                # The application returned without a whole response: the client went away.
                self.error_type = "client_disconnected"
        if span.is_recording():
            shape = self._shape
            name, attributes = shape.end(route, self.status, self.error_type)
            if self.error_type is not None:
                span.set_status(client.ERROR)
            # A name that the application has given stays.
            renamed = name if getattr(span, "name", shape.name) == shape.name else None
            client.close(span, shape.attributes, attributes, renamed, self.end_ns)
        else:
            span.end(self.end_ns)

    def release(self) -> None:
        """Let go of the request once the application has returned; status, route and end remain.

        The scope refers to this object. With a way back, scope, connection and all of their objects would
        wait for the garbage collector, whose additional runs cost more than the span.
        """
        self._scope = _NO_SCOPE
        self._send = _late
        self.on_end = None

    def _started(self, message: Message) -> None:
        self.status = message["status"]
        captured = self._middleware._response_headers
        if captured is not None and self.span.is_recording():
            self.span.set_attributes(captured(message.get("headers") or ()))

    async def _send_last(self, message: Message) -> None:
        await self._send(message)
        self._done = True
        if self.end_ns == 0:
            self.finish()


_NO_SCOPE: Scope = {}


async def _late(message: Message) -> None:
    """Takes what an application sends after it has returned, which no server sends on."""


def _flushing(send: Send) -> Send:
    """Flush telemetry before the server learns that the application has shut down.

    uvicorn re-raises the signal that stopped it, so `atexit` never runs; this is the last moment left.
    """

    async def flushing_send(message: Message) -> None:
        if message["type"] in ("lifespan.shutdown.complete", "lifespan.shutdown.failed"):
            from ...lifecycle import flush_at_lifespan_shutdown

            await flush_at_lifespan_shutdown()
        await send(message)

    return flushing_send

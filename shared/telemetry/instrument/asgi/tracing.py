"""One server span for each HTTP request and each WebSocket handshake."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from contextvars import Token
from time import monotonic_ns, thread_time
from typing import Any, Protocol

from opentelemetry.context import Context, attach
from opentelemetry.trace import Span, SpanKind, TracerProvider

from ...config import disabled
from ...cost import SERVER, SPANS_ENDED
from ...deferred import put_last
from ...lifecycle import report
from ...otlp.attributes import Extended, Prepared
from ...trace.context import activate, deactivate
from .. import client, propagation, semconv
from ..headers import HeaderCapture
from .attributes import Facts, RequestAttributes, Shape
from .route import Exclusion, route_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

STATE = "shared.telemetry"
"""Key of the scope: the `ServerRequest` of a traced request, None for a request left out of tracing."""


_ended = SPANS_ENDED.add


class Meter(Protocol):
    """Measures requests that are traced here, so that nothing about them is worked out twice."""

    def begin(self, request: ServerRequest, scope: Scope) -> bool:
        """A request begins; whether it is to be measured."""
        ...

    def measure(self, request: ServerRequest) -> None:
        """It has ended, some time ago."""
        ...


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

    Attributes:
        meter: the metrics middleware right around this one, which leaves its work to this one.
        excluded: which requests are left out.
        tracer: makes the spans.
        ours: their class, where they are of our provider.
        describe: tells their attributes.
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
        self.meter: Meter | None = None
        self.tracer: Any = semconv.tracer("asgi", tracer_provider)
        self.ours: type[Any] | None = getattr(self.tracer, "spans", None)
        self.excluded = Exclusion(excluded_urls)
        self.describe = RequestAttributes(semconv.known_methods(), old_too=semconv.old_http_too())
        self.request_headers = HeaderCapture("server", "request") or None
        self.response_headers = HeaderCapture("server", "response") or None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application, inside a span when the scope is a request."""
        cost = SERVER.begin()
        kind = scope["type"]
        if not self._on or STATE in scope or kind not in ("http", "websocket"):
            if kind == "lifespan":
                send = _flushing(send)
            await self.app(scope, receive, send)
            return
        if self.excluded(scope):
            scope[STATE] = None
            token = attach(propagation.unsampled())
            try:
                await self.app(scope, receive, send)
            finally:
                deactivate(token)
            return
        request = None
        try:
            request = ServerRequest(self, scope, send)
            token = request.begin(scope)
            if cost:
                request.choose()
        except Exception as error:  # noqa: BLE001 - telemetry never hurts the application
            request = None
            report(error, "tracing a request")
        if cost:
            SERVER.add(cost)
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


class ServerRequest(Facts):
    """What one request has come to: its span, status, route and end, all local to the request.

    Where nobody looks at a span before it is encoded, what is told about the request is worked out then.

    Attributes:
        span: the server span.
        began_ns: time of the start in nanoseconds of the monotonic clock.
        status: status code of the response, 0 before it started.
        route: template of the route that answered, None before the end, for requests no route matched and
            for those that are neither recorded nor measured.
        end_ns: time of the end by the same clock, 0 before it; the same instant ends the span.
        error_type: the value of `error.type`, None when all went well.
        flights: for whoever measures it.
        on_end: called with the request once its span has ended, for whoever measures it otherwise.
    """

    __slots__ = (
        "_done", "_encode", "_measured", "_middleware", "_name", "_quick", "_root", "_scope", "_send",
        "_shape", "_timed", "began_ns", "end_ns", "error_type", "flights", "on_end", "route", "span",
        "status",
    )  # fmt: skip

    span: Span
    _name: str
    _shape: Shape

    def __init__(self, middleware: TracingMiddleware, scope: Scope, send: Send) -> None:
        super().__init__(scope)
        self._middleware = middleware
        self._scope = scope
        self._send = send
        self._root: str = scope.get("root_path", "")
        self._done = self._encode = self._measured = self._timed = False
        self.status = 0
        self.route: str | None = None
        self.end_ns = 0
        self.error_type: str | None = None
        self.flights: Any = None
        self.on_end: Callable[[ServerRequest], None] | None = None

    def begin(self, scope: Scope) -> Token[Context]:
        """Start the span and make it current; hand the token to `deactivate`."""
        middleware = self._middleware
        raw = scope.get("headers") or ()
        parent = propagation.extract(raw, self.headers)
        tracer = middleware.tracer
        self._quick = middleware.request_headers is None and getattr(tracer, "defers", False)
        if self._quick:
            self._name = name = self.method if self.method in middleware.describe.known else "HTTP"
            span = self.span = tracer.start_span(name, parent, SpanKind.SERVER)
            if type(span) is tracer.spans:
                span._source = self
        else:
            self._shape, own = middleware.describe(self)
            if middleware.request_headers is not None:
                own |= middleware.request_headers(raw)
            self._name = self._shape.name
            known = Extended(self._shape.attributes, own)
            span = self.span = tracer.start_span(self._name, parent, SpanKind.SERVER, known)
        # Ours has read the clock already.
        self.began_ns = span._began if type(span) is middleware.ours else monotonic_ns()
        scope[STATE] = self
        meter = middleware.meter
        if meter is not None:
            self._measured = meter.begin(self, scope)
        return activate(span, parent)

    def choose(self) -> None:
        """Have the cost of telemetry measured in this request, in everything that is below its span too."""
        self._timed = True
        trace: Any = getattr(self.span, "_trace", None)
        if trace is not None:
            trace.timed = True

    def attributes(self) -> tuple[Prepared, dict[str, Any]]:
        """The span's attributes, as far as they are known (see `trace.span.Source`)."""
        shape, own = self._middleware.describe(self)
        if not self._encode:
            return shape.attributes, own
        name, attributes = shape.end(self.route, self.status, self.error_type)
        span: Any = self.span
        # A name that the application has given stays.
        if span._name == self._name:
            span._name = name
        return attributes, own

    def settle(self, _: tuple[ServerRequest]) -> None:
        """Encode the span and measure the request, some time after it has ended."""
        if self._encode:
            tracer = self._middleware.tracer
            tracer.settle((tracer, self.span))
        if self._measured:
            meter = self._middleware.meter
            if meter is not None:
                meter.measure(self)

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
            self._capture(message)
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
        """Record, once, that the application raised: a 500 unless a response had begun."""
        if self.end_ns or self.error_type is not None:
            return
        self.error_type = semconv.error_type(error)
        if isinstance(error, Exception):
            self.span.record_exception(error)
            if self.status == 0:
                self.status = 500

    def finish(self) -> None:
        """End the span, once, with what is known by now."""
        cost = thread_time() if self._timed else 0.0
        self.end_ns = monotonic_ns()
        try:
            self._end()
        except Exception as error:  # noqa: BLE001 - telemetry never hurts the application
            report(error, "ending a request's span")
        if cost:
            SERVER.add(cost)
        if self._encode or self._measured:
            put_last((self,))
        if self.on_end is not None:
            self.on_end(self)

    def _end(self) -> None:
        span: Any = self.span
        if self._quick and not (self._measured or self.on_end or span.is_recording()):
            return  # not sampled, and nobody measures it
        self.route = route_of(self._scope, self._root)
        if self.error_type is None:
            if self.status >= 500:
                self.error_type = str(self.status)
            elif not self._done:
                # The application returned without a whole response: the client went away.
                self.error_type = "client_disconnected"
        if not span.is_recording():
            if not self._quick:
                span.end(client.end_time(span, self.began_ns, self.end_ns))
            return
        if self.error_type is not None:
            span.set_status(client.ERROR)
        if self._quick and span._source is self:
            # Nobody has looked at the attributes yet.
            self._encode = True
            if span._extras is not None:
                span._extras.settle()
            _ended()
            span._ended = self.end_ns
            return
        shape = self._middleware.describe(self)[0] if self._quick else self._shape
        name, attributes = shape.end(self.route, self.status, self.error_type)
        # A name that the application has given stays.
        renamed = name if getattr(span, "name", self._name) == self._name else None
        ended = client.end_time(span, self.began_ns, self.end_ns)
        client.close(span, shape.attributes, attributes, renamed, ended)

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
        self._capture(message)

    def _capture(self, message: Message) -> None:
        captured = self._middleware.response_headers
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

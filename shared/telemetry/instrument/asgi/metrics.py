"""Duration, number and, if wanted, body sizes of the requests a server answers."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from functools import partial
from time import monotonic_ns
from typing import Any

from opentelemetry import metrics
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import INVALID_SPAN, Span

from ... import config
from ...cost import METRICS, Tally
from ...deferred import put
from ...metrics import MeterProvider as OurMeterProvider
from ...metrics.bound import Record, bound
from ...metrics.runtime import LoopLag
from .. import semconv
from .route import Exclusion, route_of
from .tracing import STATE, ServerRequest, TracingMiddleware, _flushing

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
ASGIApp = Callable[[Scope, Receive, Send], Awaitable[None]]

MEASURED = "shared.telemetry.measured"
"""Key of the scope of a request that is being measured, so that it is measured once."""

_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10)
_MAX_SERIES = 2000
# Method, scheme, protocol version, status, route, error type: what a request is counted by; never its path.
_Key = tuple[str, str, str, int, str | None, str | None]


class MetricsMiddleware:
    """ASGI middleware that measures every HTTP request (semantic conventions, "HTTP metrics").

    `http.server.request.duration` and `http.server.active_requests` always; the sizes of request and response
    bodies if asked for. It may stand inside or outside of `TracingMiddleware`, or without it; with it, both
    use one end time, status and route, and the duration's exemplars lead to the request's trace. Right around
    `TracingMiddleware`, which is where it is cheapest, it leaves all its work to that. With telemetry
    switched off requests pass straight through.

    Args:
        app: the application.
        service_name: accepted for the symmetry of the two middlewares; the service is named once, in
            `setup_metrics`.
        meter_provider: takes the place of the global provider.
        excluded_urls: as for `TracingMiddleware`.
        body_sizes: also record `http.server.request.body.size` and `http.server.response.body.size`.
    """

    def __init__(
        self,
        app: ASGIApp,
        service_name: str | None = None,  # noqa: ARG002 - part of the contract, says nothing about a request
        *,
        meter_provider: MeterProvider | None = None,
        excluded_urls: str | Iterable[str] | None = None,
        body_sizes: bool = False,
    ) -> None:
        self.app = app
        self._on = config.disabled() is None
        self._excluded = Exclusion(excluded_urls)
        self._known = semconv.known_methods()
        meter = (meter_provider or metrics.get_meter_provider()).get_meter(
            "shared.telemetry.instrument.asgi", "", semconv.SCHEMA_URL
        )
        self._duration = meter.create_histogram(
            "http.server.request.duration",
            "s",
            "Duration of HTTP server requests.",
            explicit_bucket_boundaries_advisory=_SECONDS,
        )
        self._active = meter.create_up_down_counter(
            "http.server.active_requests", "{request}", "Number of active HTTP server requests."
        )
        self._sizes = (
            (
                meter.create_histogram(
                    "http.server.request.body.size", "By", "Size of HTTP server request bodies."
                ),
                meter.create_histogram(
                    "http.server.response.body.size", "By", "Size of HTTP server response bodies."
                ),
            )
            if body_sizes
            else ()
        )
        self._lag = LoopLag(meter)
        self._flights: dict[tuple[str, str], Flights] = {}
        self._series: dict[_Key, tuple[Record, ...]] = {}
        provider = meter_provider or metrics.get_meter_provider()
        self._defers = isinstance(provider, OurMeterProvider)
        if isinstance(provider, OurMeterProvider):
            provider.before_collection(self._settle_flights)
        self._fused = (
            self._on
            and self._defers
            and not self._sizes
            and type(app) is TracingMiddleware
            and app.excluded.same(self._excluded)
        )
        if self._fused and isinstance(app, TracingMiddleware):
            app.meter = self

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application, measured when the scope is an HTTP request."""
        if self._fused and STATE not in scope:
            await self.app(scope, receive, send)
            return
        cost = METRICS.begin()
        if not self._on or scope["type"] != "http" or MEASURED in scope or self._excluded(scope):
            if scope["type"] == "lifespan":
                send = _flushing(send)
            await self.app(scope, receive, send)
            return
        scope[MEASURED] = True
        request = _Request(self, scope, send)
        if cost:
            METRICS.add(cost)
        if self._sizes:
            receive = request.counting(receive)
            send = request.counting_send
        traced: ServerRequest | None = scope.get(STATE)
        if traced is not None:
            # The tracing middleware around this one sees every end there is.
            traced.on_end = request.traced_end
            await self.app(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send if self._sizes else request.send)
        except BaseException as error:
            request.error = error
            raise
        finally:
            if not request.ended:
                request.end(scope.get(STATE))

    def begin(self, request: ServerRequest, scope: Scope) -> bool:
        """Count a request in that the tracing middleware right inside of this one traces."""
        if scope["type"] != "http" or MEASURED in scope:
            return False
        scope[MEASURED] = True
        method = request.method if request.method in self._known else semconv.OTHER_METHOD
        request.flights = flights = self.flights(method, request.scheme)
        flights.begin()
        return True

    def measure(self, request: ServerRequest) -> None:
        """Record such a request when it has ended, and count it out."""
        flights: Flights = request.flights
        flights.end()
        began, ended = request.began_ns, request.end_ns
        key = (
            flights.method,
            request.scheme,
            request.version,
            request.status,
            request.route,
            request.error_type,
        )
        self.series(key)[0]((ended - began) / 1e9, None, request.span)

    def _watch_loop(self) -> None:
        # Without asyncio, as under trio, there is no such loop to watch.
        with contextlib.suppress(RuntimeError):
            self._lag.watch(asyncio.get_running_loop())

    def flights(self, method: str, scheme: str) -> Flights:
        """The counts of requests of one method and scheme."""
        found = self._flights.get((method, scheme))
        if found is None:
            # The first request of its kind: rare enough to look whether the loop is watched.
            self._watch_loop()
            attributes = {"http.request.method": method, "url.scheme": scheme}
            record = bound(self._active, attributes)
            found = self._flights[method, scheme] = Flights(method, record, at_once=not self._defers)
        return found

    def _settle_flights(self) -> None:
        for flights in list(self._flights.values()):
            flights.settle()

    def put(self, key: _Key, seconds: float, received: int, sent: int, span: Span | None) -> None:
        """Take one request that has ended."""
        work = (self, key, seconds, received, sent, INVALID_SPAN if span is None else span)
        if self._defers:
            put(work)
        else:
            self.settle(work)

    def settle(self, work: tuple[MetricsMiddleware, _Key, float, int, int, Span]) -> None:
        """Record what was put down."""
        _, key, seconds, received, sent, span = work
        series = self.series(key)
        series[0](seconds, None, span)
        if len(series) > 1:
            series[1](received, None, span)
            series[2](sent, None, span)

    def series(self, key: _Key) -> tuple[Record, ...]:
        """The series of one combination: duration, then sizes where they are wanted."""
        found = self._series.get(key)
        if found is None:
            if len(self._series) >= _MAX_SERIES:
                self._series.clear()
            method, scheme, version, status, route, error = key
            attributes: semconv.Attributes = {"http.request.method": method, "url.scheme": scheme}
            if version:
                attributes["network.protocol.version"] = version
            if route is not None:
                attributes["http.route"] = route
            if status:
                attributes["http.response.status_code"] = status
            if error is not None:
                attributes["error.type"] = error
            found = self._series[key] = tuple(
                bound(instrument, attributes) for instrument in (self._duration, *self._sizes)
            )
        return found


class Flights:
    """How many requests of one kind are active: each begins and ends once, so the number never drifts.

    Args:
        method: `http.request.method` of them all.
        record: adds to the series of `http.server.active_requests`.
        at_once: whether every request is added by itself, and not their change at the next collection.
    """

    __slots__ = ("_begun", "_ended", "_record", "_told", "begin", "end", "method")

    def __init__(self, method: str, record: Record, *, at_once: bool) -> None:
        self.method = method
        self._record = record
        self._begun = Tally()
        self._ended = Tally()
        self._told = 0
        self.begin: Callable[[], object] = self._begun.add
        self.end: Callable[[], object] = self._ended.add
        if at_once:
            self.begin = partial(record, 1, None, None)
            self.end = partial(record, -1, None, None)

    def settle(self) -> None:
        """Add what has changed since the last time."""
        # Ended first: a request may begin and end between the two looks.
        ended = int(self._ended)
        active = int(self._begun) - ended
        change, self._told = active - self._told, active
        self._record(change, None, None)


class _Request:
    """The measurement of one request, local to it."""

    __slots__ = (
        "_began",
        "_complete",
        "_flights",
        "_method",
        "_middleware",
        "_received",
        "_root",
        "_scheme",
        "_scope",
        "_send",
        "_sent",
        "_status",
        "ended",
        "error",
    )

    def __init__(self, middleware: MetricsMiddleware, scope: Scope, send: Send) -> None:
        self._middleware = middleware
        self._scope = scope
        self._send = send
        method: str = scope.get("method", "GET")
        self._method = method if method in middleware._known else semconv.OTHER_METHOD
        self._scheme: str = scope.get("scheme", "http")
        self._root: str = scope.get("root_path", "")
        self._status = 0
        self._received = 0
        self._sent = 0
        self._complete = False
        self.ended = False
        self.error: BaseException | None = None
        self._flights = middleware.flights(self._method, self._scheme)
        self._flights.begin()
        self._began = monotonic_ns()

    def send(self, message: Message) -> Awaitable[None]:
        """Take note of a response event on its way out; the last one ends the measurement."""
        kind = message["type"]
        if kind == "http.response.start":
            self._status = message["status"]
            # A tracing middleware further in has the same facts, and its end is to be the same instant.
            traced: ServerRequest | None = self._scope.get(STATE)
            if traced is not None:
                traced.on_end = self.traced_end
        elif (
            kind in ("http.response.body", "http.response.pathsend")
            and not message.get("more_body", False)
            and self._scope.get(STATE) is None
        ):
            return self._send_last(message)
        return self._send(message)

    async def _send_last(self, message: Message) -> None:
        await self._send(message)
        self._complete = True
        if not self.ended:
            self.end(None)

    def counting(self, receive: Receive) -> Receive:
        """`receive` that adds up the request's body."""

        async def counting_receive() -> Message:
            message = await receive()
            if message["type"] == "http.request":
                self._received += len(message.get("body", b""))
            return message

        return counting_receive

    def counting_send(self, message: Message) -> Awaitable[None]:
        """`send` that adds up the response's body."""
        if message["type"] == "http.response.body":
            self._sent += len(message.get("body", b""))
        return self.send(message)

    def traced_end(self, traced: ServerRequest) -> None:
        """Told by the tracing middleware that it ended the request's span."""
        if not self.ended:
            self.end(traced)

    def end(self, traced: ServerRequest | None) -> None:
        """Record, once, and count the request out: also when it failed, was cancelled or lost its client."""
        self.ended = True
        cost = METRICS.begin()
        self._flights.end()
        scope = self._scope
        began = self._began
        span = None
        if traced is not None and traced.end_ns:
            status, route, error, end = traced.status, traced.route, traced.error_type, traced.end_ns
            span = traced.span
            began = traced.began_ns
        else:
            end = monotonic_ns()
            status, error = self._outcome()
            route = route_of(scope, self._root)
        key = (self._method, self._scheme, scope.get("http_version", ""), status, route, error)
        seconds = (end - began) / 1e9
        if cost:
            METRICS.add(cost)
        self._middleware.put(key, seconds, self._received or self._announced(), self._sent, span)

    def _announced(self) -> int:
        """The size by the request's header, for a body that the application has not read."""
        if self._middleware._sizes:
            for name, value in self._scope.get("headers") or ():
                if name == b"content-length" and value.isdigit() and len(value) < 20:
                    return int(value)
        return 0

    def _outcome(self) -> tuple[int, str | None]:
        status = self._status
        if self.error is not None:
            failed = isinstance(self.error, Exception) and not status
            return 500 if failed else status, semconv.error_type(self.error)
        if status >= 500:
            return status, str(status)
        # The application returned without a whole response: the client went away.
        return status, None if self._complete else "client_disconnected"

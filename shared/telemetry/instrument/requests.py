"""Client spans for requests: one for each request on the wire, redirects included."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping
from contextvars import ContextVar, Token
from time import thread_time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from opentelemetry.context import Context, attach, detach
from opentelemetry.trace import TracerProvider, set_span_in_context

from ..cost import REQUESTS
from ..lifecycle import report
from ..trace.context import current
from . import client, propagation
from .http_client import Call, HTTPClient
from .imports import forget, when_imported
from .patch import Patches

if TYPE_CHECKING:
    from requests import PreparedRequest, Response

_VERSIONS = {9: "0.9", 10: "1.0", 11: "1.1", 20: "2"}

_patches = Patches()
_http: HTTPClient | None = None
_provider: TracerProvider | None = None
_record: client.RecordDuration | None = None

_hop: ContextVar[_Hop | None] = ContextVar("shared.telemetry.requests.hop", default=None)
_resends: ContextVar[int] = ContextVar("shared.telemetry.requests.resends", default=0)


def instrument(*, tracer_provider: TracerProvider | None = None) -> None:
    """Trace every session of requests, those made before included, whatever their adapters.

    Args:
        tracer_provider: takes the place of the global provider.
    """
    global _provider
    _provider = tracer_provider
    when_imported("requests", _patch)


def uninstrument() -> None:
    """Put requests back as it was."""
    forget("requests", _patch)
    _patches.undo()


def record_durations(record: client.RecordDuration | None) -> None:
    """Have each request's duration recorded, from its start to its answer; None stops it."""
    global _record
    _record = record
    if _http is not None:
        _http.measure(record)


def _patch() -> None:
    global _http
    if _patches:
        return
    import requests

    _http = HTTPClient("requests", _provider)
    _http.measure(_record)
    _patches.replace(requests.Session, "send", functools.partial(_traced, _http))
    # Called within `send` once a hop is answered, and it is what sends the next hop.
    _patches.replace(requests.Session, "resolve_redirects", _ending_the_hop)


class _Hop:
    """A request on the wire, current until it is answered."""

    __slots__ = ("_call", "_http", "_token", "request")

    def __init__(self, http: HTTPClient, call: Call, request: PreparedRequest, context: Context) -> None:
        self.request = request
        self._http = http
        self._call: Call | None = call
        span = call.span
        for name, value in propagation.inject(span, context):
            request.headers[name] = value
        # urllib3 below may be instrumented as well.
        self._token = attach(client.suppressing_http(set_span_in_context(span, context)))

    def answered(self, response: Response) -> None:
        call, self._call = self._call, None
        if call is None:
            return
        detach(self._token)
        try:
            headers = _raw(response.headers) if self._http.response_headers else ()
            version = _VERSIONS.get(getattr(response.raw, "version", 0))
            call.answered(response.status_code, version, headers)
        except Exception as error:  # noqa: BLE001 - telemetry never hurts the application
            report(error, "ending a span of requests")

    def failed(self, error: BaseException) -> None:
        call, self._call = self._call, None
        if call is not None:
            detach(self._token)
            call.failed(error)


def _start(http: HTTPClient, request: PreparedRequest, context: Context) -> Call | None:
    url = request.url or ""
    method = request.method or ""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        # requests has its own words for such a URL, and its adapter says them.
        parts, port = urlsplit(""), None
    key = (method, parts.scheme, parts.hostname or "", port)
    target = http.targets.get(key) or http.keep(key, http.target(*key))
    path = f"{parts.path}?{parts.query}" if parts.query else parts.path
    headers = _raw(request.headers) if http.request_headers else ()
    return http.start(target, path, _resends.get(), context, headers)


def _raw(headers: Mapping[str, str | bytes]) -> list[tuple[bytes, bytes]]:
    return [
        (
            name.encode("latin-1", "replace"),
            value if isinstance(value, bytes) else value.encode("latin-1", "replace"),
        )
        for name, value in headers.items()
    ]


def _begin(http: HTTPClient, request: PreparedRequest, context: Context) -> _Hop | None:
    try:
        call = _start(http, request, context)
        return None if call is None else _Hop(http, call, request, context)
    except Exception as error:  # noqa: BLE001 - telemetry never hurts the application
        report(error, "tracing a request of requests")
        return None


def _traced(http: HTTPClient, original: Any) -> Any:
    @functools.wraps(original)
    def send(session: Any, request: PreparedRequest, **kwargs: Any) -> Response:
        response: Response
        context = current()
        if client.http_suppressed(context):
            response = original(session, request, **kwargs)
            return response
        cost = REQUESTS.begin()
        hop = _begin(http, request, context)
        if hop is None:
            response = original(session, request, **kwargs)
            return response
        token: Token[_Hop | None] = _hop.set(hop)
        if cost:
            REQUESTS.add(cost)
        try:
            response = original(session, request, **kwargs)
        except BaseException as error:
            hop.failed(error)
            raise
        finally:
            _hop.reset(token)
        if cost:
            cost = thread_time()
        hop.answered(response)
        if cost:
            REQUESTS.add(cost)
        return response

    return send


def _ending_the_hop(original: Any) -> Any:
    @functools.wraps(original)
    def resolve_redirects(
        session: Any, response: Response, request: PreparedRequest, *args: Any, **kwargs: Any
    ) -> Iterator[Any]:
        hop = _hop.get()
        if hop is not None and hop.request is request:
            hop.answered(response)
        return _counted(original(session, response, request, *args, **kwargs))

    return resolve_redirects


def _counted(hops: Iterator[Any]) -> Iterator[Any]:
    """The same hops; while each is sent, its number can be read."""
    number = _resends.get()
    while True:
        number += 1
        token = _resends.set(number)
        try:
            hop = next(hops)
        except StopIteration:
            return
        finally:
            _resends.reset(token)
        yield hop

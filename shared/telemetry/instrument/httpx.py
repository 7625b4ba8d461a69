"""Client spans for httpx and httpx2: one for each request on the wire, redirects and retries included."""

from __future__ import annotations

import functools
import sys
from time import thread_time
from typing import TYPE_CHECKING, Any

from opentelemetry.context import Context
from opentelemetry.trace import Span, TracerProvider

from ..cost import HTTPX
from ..lifecycle import report
from ..trace.context import SPAN_KEY, activate, current, deactivate
from . import client, propagation
from .http_client import Call, HTTPClient
from .imports import forget, when_imported
from .patch import Patches

if TYPE_CHECKING:
    from httpx import Request, Response

_SENDS = "shared.telemetry.sends"
"""Key of a request's extensions: how often it was sent, kept only where it may be sent again."""

_VERSIONS = {b"HTTP/1.1": "1.1", b"HTTP/2": "2", b"HTTP/1.0": "1.0", b"HTTP/3": "3"}

_patches: dict[str, Patches] = {"httpx": Patches(), "httpx2": Patches()}
_http: dict[str, HTTPClient] = {}
_provider: TracerProvider | None = None
_record: client.RecordDuration | None = None


def instrument(*, tracer_provider: TracerProvider | None = None) -> None:
    """Trace every client of httpx and httpx2, those made before included, whatever their transport.

    Args:
        tracer_provider: takes the place of the global provider.
    """
    global _provider
    _provider = tracer_provider
    for library, patch in _WHEN_IMPORTED.items():
        when_imported(library, patch)


def uninstrument() -> None:
    """Put httpx and httpx2 back as they were."""
    for library, patch in _WHEN_IMPORTED.items():
        forget(library, patch)
        _patches[library].undo()


def record_durations(record: client.RecordDuration | None) -> None:
    """Have each request's duration recorded, from its start to the headers of the answer; None stops it."""
    global _record
    _record = record
    for http in _http.values():
        http.measure(record)


def _patch(library: str) -> None:
    patches = _patches[library]
    if patches:
        return
    http = _http[library] = HTTPClient(library, _provider)
    http.measure(_record)
    sending = _Sending(http)
    module = sys.modules[library]
    # One method a hop, below redirects and authentication and above every kind of transport.
    patches.replace(module.Client, "_send_single_request", sending.sync)
    patches.replace(module.AsyncClient, "_send_single_request", sending.asynchronous)


_WHEN_IMPORTED = {library: functools.partial(_patch, library) for library in _patches}


class _Sending:
    def __init__(self, http: HTTPClient) -> None:
        self._http = http

    def sync(self, original: Any) -> Any:
        begin, fail, end = self._begin, self._fail, self._end

        @functools.wraps(original)
        def send(http_client: Any, request: Request) -> Response:
            response: Response
            call = begin(request)
            if call is None:
                response = original(http_client, request)
                return response
            try:
                response = original(http_client, request)
            except BaseException as error:
                fail(call, request, error)
                raise
            end(call, request, response)
            return response

        return send

    def asynchronous(self, original: Any) -> Any:
        begin, fail, end = self._begin, self._fail, self._end

        @functools.wraps(original)
        async def send(http_client: Any, request: Request) -> Response:
            response: Response
            call = begin(request)
            if call is None:
                response = await original(http_client, request)
                return response
            try:
                response = await original(http_client, request)
            except BaseException as error:
                fail(call, request, error)
                raise
            end(call, request, response)
            return response

        return send

    def _begin(self, request: Request) -> Call | None:
        context = current()
        parent = context.get(SPAN_KEY)
        if (len(context) > 1 or parent is None) and client.http_suppressed(context):
            return None
        cost = client.chosen(parent, HTTPX)
        try:
            call = self._start(request, context)
        except Exception as error:  # noqa: BLE001 - telemetry never hurts the application
            report(error, "tracing a request of httpx")
            return None
        if call is None:
            return None
        call.token = activate(call.span, context)
        if cost:
            call.timed = True
            HTTPX.add(cost)
        return call

    def _start(self, request: Request, context: Context) -> Call | None:
        http = self._http
        # The parsed URL behind the public one: its properties build a new string or bytes at every look.
        url: Any = getattr(request.url, "_uri_reference", request.url)
        key = (request.method, url.scheme, url.host, url.port)
        target = http.targets.get(key)
        if target is None:
            public = request.url
            target = http.keep(key, http.target(request.method, public.scheme, public.host, public.port))
        if url is request.url:
            path = request.url.raw_path.decode("ascii")
        else:
            path = url.path if url.query is None else f"{url.path}?{url.query}"
        resends = request.extensions.get(_SENDS, 0)
        call = http.start(
            target, path or "/", resends, context, request.headers.raw if http.request_headers else ()
        )
        if call is not None:
            _propagate(call.span, request, context)
        return call

    def _end(self, call: Call, request: Request, response: Response) -> None:
        cost = thread_time() if call.timed else 0.0
        deactivate(call.token)
        try:
            version = response.extensions.get("http_version")
            headers = response.headers.raw if self._http.response_headers else ()
            known = None if version is None else _VERSIONS.get(version)
            if call.answered(response.status_code, known, headers):
                request.extensions[_SENDS] = request.extensions.get(_SENDS, 0) + 1
        except Exception as error:  # noqa: BLE001 - telemetry never hurts the application
            report(error, "ending a span of httpx")
        if cost:
            HTTPX.add(cost)

    def _fail(self, call: Call, request: Request, error: BaseException) -> None:
        deactivate(call.token)
        try:
            call.failed(error)
            request.extensions[_SENDS] = request.extensions.get(_SENDS, 0) + 1
        except Exception as fault:  # noqa: BLE001 - telemetry never hurts the application
            report(fault, "ending a span of httpx")


def _propagate(span: Span, request: Request, context: Context) -> None:
    line = propagation.traceparent(span, context)
    fields = getattr(request.headers, "_list", None)
    if line is not None and fields is not None:
        for field in fields:
            if field[1] == b"traceparent":
                break
        else:
            # Setting a header the public way reads through all of them and encodes twice.
            fields.append((b"traceparent", b"traceparent", line))
            return
    for name, value in propagation.inject(span, context):
        request.headers[name] = value

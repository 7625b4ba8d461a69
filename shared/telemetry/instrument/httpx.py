"""Client spans for httpx: one for each request on the wire, redirects and retries included."""

from __future__ import annotations

import functools
from time import perf_counter
from typing import TYPE_CHECKING, Any

from opentelemetry import context as context_api
from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, TracerProvider, set_span_in_context

from . import client, propagation, semconv
from .imports import forget, when_imported
from .patch import Patches
from .redact import redact_url

if TYPE_CHECKING:
    from httpx import Request, Response

record_duration: client.RecordDuration | None = None
"""Set where metrics are on: gets the duration until the response's headers of each request."""

_SENDS = "shared.telemetry.sends"
"""Key of a request's extensions: how often it was sent, kept only where it may be sent again."""
_MAY_BE_RESENT = frozenset({301, 302, 303, 307, 308, 401, 407, 408, 425, 429, 500, 502, 503, 504})
_MAX_HOSTS = 1024

_patches = Patches()
_tracer_provider: TracerProvider | None = None


def instrument(*, tracer_provider: TracerProvider | None = None) -> None:
    """Trace every httpx client, those made before included, whatever their transport.

    Args:
        tracer_provider: takes the place of the global provider.
    """
    global _tracer_provider
    _tracer_provider = tracer_provider
    when_imported("httpx", _patch)


def uninstrument() -> None:
    """Put httpx back as it was."""
    forget("httpx", _patch)
    _patches.undo()


def _patch() -> None:
    if _patches:
        return
    import httpx

    calls = _Calls(
        trace.get_tracer("shared.telemetry.instrument.httpx", "", _tracer_provider, semconv.SCHEMA_URL)
    )
    # One method a hop, below redirects and authentication and above every kind of transport.
    _patches.replace(httpx.Client, "_send_single_request", calls.sync)
    _patches.replace(httpx.AsyncClient, "_send_single_request", calls.asynchronous)


class _Calls:
    """The wrappers of one instrumentation, with what they keep from call to call."""

    def __init__(self, tracer: trace.Tracer) -> None:
        self._tracer = tracer
        self._known = semconv.known_methods()
        self._old_too = semconv.old_http_attributes_too()
        self._templates: dict[
            tuple[str, str, str, int | None], tuple[str, dict[str, semconv.Attribute], str]
        ] = {}

    def sync(self, original: Any) -> Any:
        @functools.wraps(original)
        def send(http_client: Any, request: Request) -> Response:
            context = context_api.get_current()
            if client.http_suppressed(context):
                passed: Response = original(http_client, request)
                return passed
            began = perf_counter() if record_duration is not None else 0.0
            span, attributes = self._start(request, context)
            token = context_api.attach(set_span_in_context(span, context))
            try:
                response: Response = original(http_client, request)
            except BaseException as error:
                self._failed(span, request, attributes, error, began)
                raise
            finally:
                context_api.detach(token)
            self._answered(span, request, response, attributes, began)
            return response

        return send

    def asynchronous(self, original: Any) -> Any:
        @functools.wraps(original)
        async def send(http_client: Any, request: Request) -> Response:
            context = context_api.get_current()
            if client.http_suppressed(context):
                passed: Response = await original(http_client, request)
                return passed
            began = perf_counter() if record_duration is not None else 0.0
            span, attributes = self._start(request, context)
            token = context_api.attach(set_span_in_context(span, context))
            try:
                response: Response = await original(http_client, request)
            except BaseException as error:
                self._failed(span, request, attributes, error, began)
                raise
            finally:
                context_api.detach(token)
            self._answered(span, request, response, attributes, began)
            return response

        return send

    def _start(
        self, request: Request, context: context_api.Context
    ) -> tuple[Span, dict[str, semconv.Attribute]]:
        name, attributes = self._describe(request)
        sends = request.extensions.get(_SENDS)
        if sends:
            attributes["http.request.resend_count"] = sends
        span = self._tracer.start_span(name, context, SpanKind.CLIENT, attributes)
        for header, value in propagation.inject(span, context):
            request.headers[header] = value
        return span, attributes

    def _describe(self, request: Request) -> tuple[str, dict[str, semconv.Attribute]]:
        url = request.url
        key = (request.method, url.scheme, url.host, url.port)
        known = self._templates.get(key)
        if known is None:
            if len(self._templates) >= _MAX_HOSTS:
                self._templates.clear()
            known = self._templates[key] = self._template(*key)
        name, template, origin = known
        attributes = template.copy()
        attributes["url.full"] = full = redact_url(origin + url.raw_path.decode("ascii"))
        if self._old_too:
            attributes["http.url"] = full
        return name, attributes

    def _template(
        self, method: str, scheme: str, host: str, port: int | None
    ) -> tuple[str, dict[str, semconv.Attribute], str]:
        known = method if method in self._known else semconv.OTHER_METHOD
        number = port or {"http": 80, "https": 443}.get(scheme)
        attributes: dict[str, semconv.Attribute] = {"http.request.method": known, "server.address": host}
        if known is semconv.OTHER_METHOD:
            attributes["http.request.method_original"] = method
        if number:
            attributes["server.port"] = number
        if self._old_too:
            attributes |= {"http.method": method, "net.peer.name": host}
            if number:
                attributes["net.peer.port"] = number
        origin = f"{scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"
        return "HTTP" if known is semconv.OTHER_METHOD else method, attributes, origin

    def _answered(
        self,
        span: Span,
        request: Request,
        response: Response,
        attributes: dict[str, semconv.Attribute],
        began: float,
    ) -> None:
        status = response.status_code
        error = str(status) if status >= 400 else None
        if span.is_recording():
            span.set_attribute("http.response.status_code", status)
            version = response.extensions.get("http_version")
            if version is not None:
                span.set_attribute("network.protocol.version", _protocol_version(version))
            if self._old_too:
                span.set_attribute("http.status_code", status)
            if error is not None:
                client.fail_with(span, error)
        if status in _MAY_BE_RESENT:
            request.extensions[_SENDS] = request.extensions.get(_SENDS, 0) + 1
        # The body may never be read, so the headers are the end (conventions, HTTP client span duration).
        span.end()
        if record_duration is not None:
            record_duration(perf_counter() - began, attributes, status, error)

    def _failed(
        self,
        span: Span,
        request: Request,
        attributes: dict[str, semconv.Attribute],
        error: BaseException,
        began: float,
    ) -> None:
        kind = client.fail(span, error)
        request.extensions[_SENDS] = request.extensions.get(_SENDS, 0) + 1
        span.end()
        if record_duration is not None:
            record_duration(perf_counter() - began, attributes, 0, kind)


def _protocol_version(version: bytes) -> str:
    # httpx says HTTP/1.1 and HTTP/2; the conventions want 1.1 and 2.
    return version.decode("ascii", "replace").removeprefix("HTTP/")

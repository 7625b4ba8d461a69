"""Client spans for HTTP, whichever library sends the request (semantic conventions, HTTP client span)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from time import perf_counter

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, TracerProvider

from ..config import text, words
from ..otlp.attributes import Extended, Prepared
from . import client, semconv
from .headers import HeaderCapture
from .redact import redact_url
from .semconv import Attributes

_MAX_TARGETS = 1024
_MAX_ANSWERS = 64
_PORTS = {"http": 80, "https": 443}
_MAY_BE_RESENT = frozenset({301, 302, 303, 307, 308, 401, 407, 408, 425, 429, 500, 502, 503, 504})


Headers = Iterable[tuple[bytes, bytes]]


class Target:
    """What all requests of one method to one host have in common.

    Attributes:
        span_name: the method, `HTTP` for one that is not known.
        attributes: known before a request.
        origin: scheme, host and port as in a URL.
    """

    __slots__ = ("_answers", "_old_too", "attributes", "origin", "span_name")

    def __init__(self, span_name: str, attributes: Attributes, origin: str, *, old_too: bool) -> None:
        self.span_name = span_name
        self.attributes = Prepared(attributes)
        self.origin = origin
        self._old_too = old_too
        self._answers: dict[tuple[int, str | None], Prepared] = {}

    def answer(self, status: int, version: str | None) -> Prepared:
        """The attributes once such an answer has come."""
        known = self._answers.get((status, version))
        if known is None:
            more: Attributes = {**self.attributes, "http.response.status_code": status}
            if version is not None:
                more["network.protocol.version"] = version
            if status >= 400:
                more["error.type"] = str(status)
            if self._old_too:
                more["http.status_code"] = status
            if len(self._answers) >= _MAX_ANSWERS:
                self._answers.clear()
            known = self._answers[status, version] = Prepared(more)
        return known


class Call:
    """One request on the wire."""

    __slots__ = ("_began", "_http", "_target", "span")

    def __init__(self, http: HTTPClient, span: Span, target: Target, began: float) -> None:
        self._http = http
        self._target = target
        self._began = began
        self.span = span

    def answered(self, status: int, version: str | None, headers: Headers = ()) -> bool:
        """End the span with the answer's status; returns whether the request may well be sent again.

        Args:
            status: status code of the answer.
            version: `network.protocol.version`, such as `1.1`.
            headers: the answer's, looked at where `HTTPClient.response_headers` wants some.
        """
        http, span, target = self._http, self.span, self._target
        failed = status >= 400
        if http.record is not None:
            error = str(status) if failed else None
            http.record(perf_counter() - self._began, target.attributes, status, error)
        # The body may never be read, so the headers are the end (conventions, HTTP client span duration).
        if span.is_recording():
            if http.response_headers is not None:
                span.set_attributes(http.response_headers(headers))
            if failed:
                span.set_status(client.ERROR)
            client.close(span, target.attributes, target.answer(status, version))
        else:
            span.end()
        return status >= 300 and status in _MAY_BE_RESENT

    def failed(self, error: BaseException) -> None:
        """End the span of a request that got no answer."""
        kind = client.fail(self.span, error)
        record = self._http.record
        if record is not None:
            record(perf_counter() - self._began, self._target.attributes, 0, kind)
        self.span.end()


class HTTPClient:
    """Starts the spans of one HTTP library.

    Args:
        library: its name.
        provider: takes the place of the global provider.
    """

    def __init__(self, library: str, provider: TracerProvider | None) -> None:
        self._start_span = semconv.tracer(library, provider).start_span
        self._known = semconv.known_methods()
        self._old_too = semconv.old_http_too()
        self.request_headers = HeaderCapture("client", "request") or None
        self.response_headers = HeaderCapture("client", "response") or None
        variable = f"OTEL_PYTHON_{library.upper()}_EXCLUDED_URLS"
        patterns = words(variable if text(variable) else "OTEL_PYTHON_EXCLUDED_URLS", "")
        self._excluded = re.compile("|".join(f"(?:{one})" for one in patterns)) if patterns else None
        self.record: client.RecordDuration | None = None
        self.targets: dict[tuple[str, str, str, int | None], Target] = {}

    def start(
        self, target: Target, path: str, resends: int, context: Context, headers: Headers = ()
    ) -> Call | None:
        """Start the span of a request, unless its URL is excluded (`OTEL_PYTHON_<LIBRARY>_EXCLUDED_URLS`).

        Args:
            target: from `target`.
            path: path and query as sent.
            resends: how often the request was sent before.
            context: holds the parent.
            headers: the request's, looked at where `request_headers` wants some.
        """
        url = target.origin + path
        if self._excluded is not None and self._excluded.search(url):
            return None
        url = redact_url(url) if "?" in path else url
        attributes: Attributes = {"url.full": url}
        if resends:
            attributes["http.request.resend_count"] = resends
        if self._old_too:
            attributes["http.url"] = url
        if self.request_headers is not None:
            attributes |= self.request_headers(headers)
        began = perf_counter() if self.record is not None else 0.0
        extended = Extended(target.attributes, attributes)
        span = self._start_span(target.span_name, context, SpanKind.CLIENT, extended)
        return Call(self, span, target, began)

    def target(self, method: str, scheme: str, host: str, port: int | None) -> Target:
        """What is the same for all requests of this method to this host; worked out once and kept, bounded.

        Args:
            method: as the application wrote it.
            scheme: `http` or `https`.
            host: a name or an address, without brackets.
            port: None for the scheme's own.
        """
        known = method if method in self._known else semconv.OTHER_METHOD
        number = port or _PORTS.get(scheme)
        attributes: Attributes = {"http.request.method": known, "server.address": host}
        if known is semconv.OTHER_METHOD:
            attributes["http.request.method_original"] = method
        if number:
            attributes["server.port"] = number
        if self._old_too:
            attributes |= {"http.method": method, "net.peer.name": host}
            if number:
                attributes["net.peer.port"] = number
        origin = f"{scheme}://{f'[{host}]' if ':' in host else host}{f':{port}' if port else ''}"
        name = "HTTP" if known is semconv.OTHER_METHOD else method
        return Target(name, attributes, origin, old_too=self._old_too)

    def keep(self, key: tuple[str, str, str, int | None], target: Target) -> Target:
        """Keep a target for the next request; returns it."""
        if len(self.targets) >= _MAX_TARGETS:
            self.targets.clear()
        self.targets[key] = target
        return target

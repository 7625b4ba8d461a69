"""Client spans for HTTP, whichever library sends the request (semantic conventions, HTTP client span)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from contextvars import Token
from time import monotonic_ns
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, TracerProvider

from ..config import text, words
from ..cost import SPANS_ENDED
from ..deferred import put
from ..otlp.attributes import Extended, Prepared
from ..trace.context import SPAN_KEY
from . import client, semconv
from .headers import HeaderCapture
from .redact import redact_url
from .semconv import Attributes

_ended = SPANS_ENDED.add
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
    """One request on the wire.

    Attributes:
        span: the client span.
        timed: whether the cost of telemetry is measured in it.
        token: of the context in which the span is current, where it was made current.
    """

    __slots__ = ("_began", "_http", "_parent", "_target", "span", "timed", "token")

    token: Token[Context]

    def __init__(self, http: HTTPClient, span: Span, target: Target, parent: Any, began: int) -> None:
        self._http = http
        self._target = target
        self._parent = parent
        self._began = began
        self.span = span
        self.timed = False

    def answered(self, status: int, version: str | None, headers: Headers = ()) -> bool:
        """End the span with the answer's status; returns whether the request may well be sent again.

        Args:
            status: status code of the answer.
            version: `network.protocol.version`, such as `1.1`.
            headers: the answer's, looked at where `HTTPClient.response_headers` wants some.
        """
        http = self._http
        span: Any = self.span
        ended = monotonic_ns()
        # The body may never be read, so the headers are the end (conventions, HTTP client span duration).
        if status < 400 and type(span) is http.spans and http.tracer.defers and span._ended is None:
            _ended()
            span._ended = ended
            if span._extras is not None:
                span._extras.settle()
            put((self, status, version))
            return status >= 300 and status in _MAY_BE_RESENT
        failed = status >= 400
        if http.record is not None:
            error = str(status) if failed else None
            http.record(self._seconds(ended), self._target.answer(status, version), status, error)
        if span.is_recording():
            if http.response_headers is not None:
                span.set_attributes(http.response_headers(headers))
            if failed:
                span.set_status(client.ERROR)
            client.close(
                span, self._target.attributes, self._target.answer(status, version), None, self._end(ended)
            )
        else:
            span.end(self._end(ended))
        return status >= 300 and status in _MAY_BE_RESENT

    def settle(self, work: tuple[Call, int, str | None]) -> None:
        """Send the span of a request that went well, and record how long it took."""
        _, status, version = work
        http, target = self._http, self._target
        span: Any = self.span
        answer = target.answer(status, version)
        span.absorb(target.attributes, answer)
        http.tracer.settle((http.tracer, span))
        recorder: Any = http.record
        if recorder is not None:
            record = recorder.series(answer, status, None)
            record(self._seconds(span._ended), None, self._parent)

    def failed(self, error: BaseException) -> None:
        """End the span of a request that got no answer."""
        ended = monotonic_ns()
        kind = client.fail(self.span, error)
        record = self._http.record
        if record is not None:
            record(self._seconds(ended), self._target.attributes, 0, kind)
        self.span.end(self._end(ended))

    def _seconds(self, ended: int) -> float:
        return (ended - self._began) / 1e9

    def _end(self, ended: int) -> int | None:
        return client.end_time(self.span, self._began, ended)


class HTTPClient:
    """Starts the spans of one HTTP library.

    Args:
        library: its name.
        provider: takes the place of the global provider.
    """

    def __init__(self, library: str, provider: TracerProvider | None) -> None:
        self.tracer: Any = semconv.tracer(library, provider)
        self._known = semconv.known_methods()
        self._old_too = semconv.old_http_too()
        self.request_headers = HeaderCapture("client", "request") or None
        self.response_headers = HeaderCapture("client", "response") or None
        variable = f"OTEL_PYTHON_{library.upper()}_EXCLUDED_URLS"
        patterns = words(variable if text(variable) else "OTEL_PYTHON_EXCLUDED_URLS", "")
        self._excluded = re.compile("|".join(f"(?:{one})" for one in patterns)) if patterns else None
        self._ours: type[Any] | None = getattr(self.tracer, "spans", None)
        self.measure(None)
        self.targets: dict[tuple[str, str, str, int | None], Target] = {}

    def measure(self, record: client.RecordDuration | None) -> None:
        """Have each request's duration recorded, until the headers of the answer; None stops it."""
        self.record = record
        at_once = (
            record is not None and getattr(record, "at_once", True)
        ) or self.response_headers is not None
        # Spans of ours are completed when they are encoded.
        self.spans: type[Any] | None = None if at_once else self._ours

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
        extended = Extended(target.attributes, attributes)
        span = self.tracer.start_span(target.span_name, context, SpanKind.CLIENT, extended)
        # Ours has read the clock already.
        began = span._began if type(span) is self._ours else monotonic_ns()
        return Call(self, span, target, context.get(SPAN_KEY, INVALID_SPAN), began)

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

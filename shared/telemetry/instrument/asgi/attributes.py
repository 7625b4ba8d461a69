"""Attributes of a server span, from an ASGI scope (semantic conventions, HTTP server span)."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from ...otlp.attributes import Prepared
from ..redact import redact_query
from ..semconv import OTHER_METHOD, Attributes

Scope = MutableMapping[str, Any]

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_MAX_SHAPES = 512
_MAX_ENDS = 2048


class Shape:
    """What requests of one method, scheme, protocol, host and user agent have in common.

    Attributes:
        name: the span's name until the route is known: the method, `HTTP` for one that is not known.
        attributes: those that repeat.
    """

    __slots__ = ("_ends", "_old_too", "attributes", "name")

    def __init__(self, name: str, attributes: Attributes, *, old_too: bool) -> None:
        self.name = name
        self.attributes = Prepared(attributes)
        self._old_too = old_too
        self._ends: dict[tuple[str | None, int, str | None], tuple[str, Prepared]] = {}

    def end(self, route: str | None, status: int, error: str | None) -> tuple[str, Prepared]:
        """Name and attributes once the request has ended.

        Args:
            route: template of the route, None when none matched.
            status: status code of the response, 0 when there was none.
            error: `error.type`, None when all went well.
        """
        known = self._ends.get((route, status, error))
        if known is None:
            more: Attributes = dict(self.attributes)
            if route is not None:
                more["http.route"] = route
            if status:
                more["http.response.status_code"] = status
                if self._old_too:
                    more["http.status_code"] = status
            if error is not None:
                more["error.type"] = error
            name = self.name if route is None else f"{self.name} {route}"
            if len(self._ends) >= _MAX_ENDS:
                self._ends.clear()
            known = self._ends[route, status, error] = name, Prepared(more)
        return known


class Facts:
    """What a server span tells of a request, as the scope had it when the request began.

    Attributes:
        method: as the client wrote it.
        scheme: `http`, `https`, `ws` or `wss`.
        version: of the protocol; empty when the server does not tell.
        path: decoded, without the query.
        query: as sent, or None.
        client: address and port of the peer, or None.
        server: address and port of the server, or None.
        headers: by lower-case name; the last value of a name that came twice.
    """

    __slots__ = ("client", "headers", "method", "path", "query", "scheme", "server", "version")

    def __init__(self, scope: Scope) -> None:
        get = scope.get
        self.method: str = get("method", "GET")
        self.scheme: str = get("scheme", "http")
        self.version: str = get("http_version", "")
        self.path: str = scope["path"]
        self.query: bytes | None = get("query_string")
        self.client: tuple[str, int] | None = get("client")
        self.server: tuple[str, int | None] | None = get("server")
        self.headers: dict[bytes, bytes] = dict(get("headers") or ())


class RequestAttributes:
    """Builds the attributes that are known when a request begins.

    What repeats from request to request is worked out and encoded once; the number of combinations kept is
    bounded.

    Args:
        known: methods recorded by name.
        old_too: add the attributes of before 1.23 (`http/dup`).
    """

    def __init__(self, known: frozenset[str], *, old_too: bool) -> None:
        self.known = known
        self._old_too = old_too
        self._shapes: dict[tuple[Any, ...], Shape] = {}

    def __call__(self, request: Facts) -> tuple[Shape, Attributes]:
        """What the request shares with others, and attributes of its own."""
        get = request.headers.get
        host = get(b"x-forwarded-host") or get(b"host")
        key = (request.method, request.scheme, request.version or "1.1", host, get(b"user-agent"))
        shape = self._shapes.get(key)
        if shape is None:
            shape = self._shape(*key, request.server)
            if len(self._shapes) >= _MAX_SHAPES:
                self._shapes.clear()
            self._shapes[key] = shape
        own: Attributes = {"url.path": request.path}
        if request.query:
            own["url.query"] = redact_query(request.query.decode("latin-1"))
        client = request.client
        forwarded = get(b"x-forwarded-for")
        if client is not None:
            own["client.address"] = own["network.peer.address"] = client[0]
            if client[1]:
                own["network.peer.port"] = client[1]
        if forwarded is not None:
            own["client.address"] = forwarded.decode("latin-1").split(",", 1)[0].strip()
        if self._old_too:
            self._add_old(own, request, host)
        return shape, own

    def _add_old(self, own: Attributes, request: Facts, host: bytes | None) -> None:
        query = own.get("url.query")
        target = f"{request.path}?{query}" if query else request.path
        own["http.target"] = target
        own["http.url"] = f"{request.scheme}://{_text(host)}{target}"
        if request.client is not None:
            own["net.peer.ip"], own["net.peer.port"] = request.client

    def _shape(
        self,
        method: str,
        scheme: str,
        version: str,
        host: bytes | None,
        agent: bytes | None,
        server: tuple[str, int | None] | None,
    ) -> Shape:
        known = method if method in self.known else OTHER_METHOD
        attributes: Attributes = {"http.request.method": known, "url.scheme": scheme}
        if known is OTHER_METHOD:
            attributes["http.request.method_original"] = method
        address, port = split_host(host.decode("latin-1"), scheme) if host else (server or ("", None))
        if address:
            attributes["server.address"] = address
            if port:
                attributes["server.port"] = port
        attributes["network.protocol.version"] = version
        if agent:
            attributes["user_agent.original"] = agent.decode("latin-1")
        if self._old_too:
            attributes |= {"http.method": method, "http.scheme": scheme, "http.flavor": version}
            if address:
                attributes["http.server_name"] = attributes["net.host.name"] = address
                attributes["http.host"] = _text(host) or address
                if port:
                    attributes["net.host.port"] = port
            if agent:
                attributes["http.user_agent"] = agent.decode("latin-1")
        name = "HTTP" if known is OTHER_METHOD else method
        return Shape(name, attributes, old_too=self._old_too)


def _text(raw: bytes | None) -> str:
    return raw.decode("latin-1") if raw else ""


def split_host(host: str, scheme: str) -> tuple[str, int | None]:
    """Address and port of a Host header; the scheme's own port where none is written."""
    address, colon, digits = host.rpartition(":")
    if (
        colon
        and digits.isascii()
        and digits.isdigit()
        and not (":" in address and not address.startswith("["))
    ):
        return address.strip("[]"), int(digits)
    return host.strip("[]"), _DEFAULT_PORTS.get(scheme)

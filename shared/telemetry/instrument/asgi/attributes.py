"""Attributes of a server span, from an ASGI scope (semantic conventions, HTTP server span)."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any

from ...otlp.attributes import Extended, Prepared
from ..redact import redact_query
from ..semconv import OTHER_METHOD, Attributes

Scope = MutableMapping[str, Any]

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_MAX_TEMPLATES = 512


class RequestAttributes:
    """Builds the attributes that are known when a request begins.

    Method, scheme, protocol, host and user agent repeat from request to request, so what follows from them is
    worked out once and copied; the number of combinations kept is bounded.

    Args:
        known: methods recorded by name.
        old_too: add the attributes of before 1.23 (`http/dup`).
    """

    def __init__(self, known: frozenset[str], *, old_too: bool) -> None:
        self._known = known
        self._old_too = old_too
        self._templates: dict[tuple[Any, ...], Prepared] = {}

    def __call__(self, scope: Scope, headers: Mapping[bytes, bytes]) -> tuple[str, Extended]:
        """The method as it may appear in a span's name, and the attributes that are known at the start."""
        key = (
            scope.get("method", "GET"),
            scope.get("scheme", "http"),
            scope.get("http_version", "1.1"),
            headers.get(b"x-forwarded-host") or headers.get(b"host"),
            headers.get(b"user-agent"),
        )
        template = self._templates.get(key)
        if template is None:
            template = Prepared(self._template(*key, scope.get("server")))
            if len(self._templates) >= _MAX_TEMPLATES:
                self._templates.clear()
            self._templates[key] = template
        path = scope["path"]
        attributes: Attributes = {"url.path": path}
        query = scope.get("query_string")
        shown = ""
        if query:
            attributes["url.query"] = shown = redact_query(query.decode("latin-1"))
        client = scope.get("client")
        forwarded = headers.get(b"x-forwarded-for")
        if forwarded is not None:
            attributes["client.address"] = forwarded.decode("latin-1").split(",", 1)[0].strip()
        elif client is not None:
            attributes["client.address"] = client[0]
        if client is not None:
            attributes["network.peer.address"] = client[0]
            if client[1]:
                attributes["network.peer.port"] = client[1]
        if self._old_too:
            attributes["http.target"] = f"{path}{shown and '?'}{shown}"
            attributes["http.url"] = (
                f"{scope.get('scheme', 'http')}://{_text(key[3])}{path}{shown and '?'}{shown}"
            )
            if client is not None:
                attributes["net.peer.ip"] = client[0]
                attributes["net.peer.port"] = client[1]
        return key[0] if key[0] in self._known else "HTTP", Extended(template, attributes)

    def _template(
        self,
        method: str,
        scheme: str,
        version: str,
        host: bytes | None,
        agent: bytes | None,
        server: tuple[str, int | None] | None,
    ) -> Attributes:
        known = method if method in self._known else OTHER_METHOD
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
        return attributes


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

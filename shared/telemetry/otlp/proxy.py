"""The HTTP proxy between this process and a receiver: which one the environment names, and CONNECT.

The variables and their order are those of curl, and of gRPC for gRPC. Unlike with them, an address of this
machine is always reached straight, as in Go: no proxy could reach it.
"""

from __future__ import annotations

import os
import socket
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import quote, unquote, urlsplit

from .. import config

DEFAULT_PORT: Final = 80
"""The port of a proxy that is named without one, as every HTTP client of Python has it."""
ANSWER_BYTES: Final = 16 * 1024
EXPLAIN: Final = {
    403: "it does not allow that",
    407: "it asks for credentials: write them as http://user:password@proxy",
    502: "it cannot reach the receiver",
    503: "it cannot reach the receiver",
    504: "the receiver does not answer it",
}


class ProxyError(OSError):
    """The proxy is away or does not let a connection through; the message says which and why."""


@dataclass(frozen=True)
class Proxy:
    """An HTTP proxy.

    Attributes:
        host: name or address, without brackets.
        port: TCP port.
        user: name and password joined by a colon, None without credentials. Never shown.
    """

    host: str
    port: int
    user: str | None = field(default=None, repr=False)

    def __str__(self) -> str:
        """The address without credentials, fit for logs."""
        return f"http://{_bracketed(self.host)}:{self.port}"

    @property
    def authorization(self) -> str | None:
        """The value of `Proxy-Authorization`; None without credentials."""
        return None if self.user is None else f"Basic {b64encode(self.user.encode()).decode()}"

    @property
    def url(self) -> str:
        """The address with credentials: never to be shown."""
        user, _, password = (self.user or "").partition(":")
        return str(self).replace("//", f"//{quote(user, '')}:{quote(password, '')}@" if user else "//")


def from_environment(host: str, port: int, *, secure: bool, grpc: bool) -> Proxy | None:
    """The proxy for a receiver; None when it is to be reached straight.

    Args:
        host: the receiver's name or address, without brackets.
        port: its port.
        secure: whether it is spoken to by TLS.
        grpc: whether by gRPC, which looks at `grpc_proxy` first and at `http_proxy` last.
    """
    own = "https_proxy" if secure else "http_proxy"
    names = ("grpc_proxy", "https_proxy", "http_proxy", "all_proxy") if grpc else (own, "all_proxy")
    found = next(((name, value) for name in names if (value := _variable(name))), None)
    if found is None or _is_loopback(host):
        return None
    excepted = (_variable("no_grpc_proxy") if grpc else None) or _variable("no_proxy") or ""
    if any(_covers(entry, host.lower().rstrip("."), port) for entry in _entries(excepted)):
        return None
    name, value = found
    proxy = _parse(value)
    if proxy is None:
        config.tell_once(f"{name} must be like http://host:3128; telemetry goes straight to the receiver")
    return proxy


def dial(proxy: Proxy, deadline: float) -> socket.socket:
    """A TCP connection to the proxy.

    Raises:
        ProxyError: there is none by the deadline (`time.monotonic()`).
    """
    try:
        return socket.create_connection((proxy.host, proxy.port), max(0.001, deadline - time.monotonic()))
    except TimeoutError as error:
        raise ProxyError(f"the proxy {proxy} does not answer") from error
    except (OSError, UnicodeError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
        raise ProxyError(f"the proxy {proxy} cannot be reached ({why})") from error


def tunnel(raw: socket.socket, proxy: Proxy, host: str, port: int, deadline: float) -> None:
    """Ask the proxy to connect a socket with a receiver; afterwards the two speak as if alone.

    Raises:
        ProxyError: it does not by the deadline.
    """
    ascii_host = host if host.isascii() else host.encode("idna").decode()
    authority = f"{_bracketed(ascii_host)}:{port}"
    credentials = f"Proxy-Authorization: {proxy.authorization}\r\n" if proxy.authorization else ""
    request = f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{credentials}\r\n"
    answer = bytearray()
    try:
        raw.settimeout(max(0.001, deadline - time.monotonic()))
        raw.sendall(request.encode())
        # Byte by byte: what follows the empty line is the receiver's, and one of gRPC speaks first.
        while not answer.endswith(b"\r\n\r\n"):
            raw.settimeout(max(0.001, deadline - time.monotonic()))
            byte = raw.recv(1)
            if not byte or len(answer) > ANSWER_BYTES:
                raise ProxyError(f"the proxy {proxy} does not answer in HTTP")
            answer += byte
    except TimeoutError as error:
        raise ProxyError(f"the proxy {proxy} does not answer in time") from error
    except ConnectionError as error:
        raise ProxyError(f"the proxy {proxy} closed the connection") from error
    version, _, rest = bytes(answer).partition(b" ")
    status = rest[:3]
    if not version.startswith(b"HTTP/") or not status.isdigit():
        raise ProxyError(f"the proxy {proxy} does not answer in HTTP")
    if not status.startswith(b"2"):
        why = EXPLAIN.get(int(status), "")
        raise ProxyError(f"the proxy {proxy} answers {int(status)}{why and ': '}{why}")


def _variable(name: str) -> str | None:
    """The value of a variable in small letters, else in capitals, as curl and gRPC take it."""
    if name == "http_proxy" and "REQUEST_METHOD" in os.environ:
        # In CGI, HTTP_PROXY is what a client put into its header `Proxy`.
        return config.text(name)
    return config.text(name) or config.text(name.upper())


def _parse(value: str) -> Proxy | None:
    """The proxy of an address; None for one that is none, or not spoken to by plain HTTP."""
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme.lower() != "http" or not host:
        return None
    user = None
    if parts.username is not None:
        user = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return Proxy(host, DEFAULT_PORT if port is None else port, user)


def _entries(value: str) -> Iterator[str]:
    return (entry.lower() for part in value.split(",") for entry in part.split())


def _covers(entry: str, host: str, port: int) -> bool:
    """Whether an entry of `no_proxy` means a host: a name and all below it, an address, a network, `*`."""
    if entry == "*":
        return True
    name, colon, wanted = entry.rpartition(":")
    if colon and wanted.isdigit() and (":" not in name or name.endswith("]")):
        if int(wanted) != port:
            return False
        entry = name
    entry = entry.strip("[]")
    address = _address(host)
    if address is not None:
        try:
            return address in ip_network(entry, strict=False)
        except ValueError:
            return False
    suffix = entry.removeprefix("*").strip(".")
    return bool(suffix) and (host == suffix or host.endswith(f".{suffix}"))


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    address = _address(host)
    return address is not None and address.is_loopback


def _address(host: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(host)
    except ValueError:
        return None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host

"""Where and how the data of one signal is sent: the endpoint rules and every `OTEL_EXPORTER_OTLP_*`.

Specification: protocol/exporter. A variable of the signal wins over the general one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import urlsplit

from .. import config
from . import proxy as proxies
from .proxy import Proxy
from .request import Signal

DEFAULT_ENDPOINT: Final = "http://localhost:4317"
GRPC_PORT: Final = 4317
HTTP_PORT: Final = 4318
_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
PROTOCOLS: Final = {"grpc", "http/protobuf"}


@dataclass(frozen=True)
class Target:
    """One receiver of one signal.

    Attributes:
        protocol: `grpc` or `http/protobuf`.
        host: name or address, without brackets.
        port: TCP port.
        path: path of the request.
        secure: TLS.
        headers: sent with each request; names in lower case. Never shown: they carry keys.
        gzip: compress requests.
        timeout: seconds for one attempt.
        certificate: file with the certificates to trust, None for the system's.
        client_certificate: file with the certificate to show, None for none.
        client_key: file with its key.
        proxy: what stands in between, None for nothing.
    """

    protocol: str
    host: str
    port: int
    path: str
    secure: bool = False
    headers: dict[str, str] = field(default_factory=dict, repr=False)
    gzip: bool = False
    timeout: float = 10.0
    certificate: str | None = None
    client_certificate: str | None = None
    client_key: str | None = None
    proxy: Proxy | None = None

    def __str__(self) -> str:
        """The address without query, user or headers, fit for logs."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        path = "" if self.protocol == "grpc" else self.path
        return f"{'https' if self.secure else 'http'}://{host}:{self.port}{path}"

    @property
    def tunnels(self) -> bool:
        """Whether the proxy is asked for a connection (CONNECT), rather than to pass on each request."""
        return self.proxy is not None and (self.secure or self.protocol == "grpc")

    @property
    def way(self) -> str:
        """The address and the proxy in front of it, fit for logs."""
        return str(self) if self.proxy is None else f"{self} through the proxy {self.proxy}"

    @classmethod
    def from_environment(cls, signal: Signal, endpoint: str | None = None) -> Target:
        """The target of a signal.

        Args:
            signal: what is to be sent.
            endpoint: the endpoint given in code. It takes the place of OTEL_EXPORTER_OTLP_ENDPOINT; the
                signal's own variable still wins, or nobody could redirect one signal of a service that passes
                the general address to both, as the guide does.
        """

        def name(suffix: str) -> str:
            own = f"OTEL_EXPORTER_OTLP_{signal.upper()}_{suffix}"
            return own if config.text(own) is not None else f"OTEL_EXPORTER_OTLP_{suffix}"

        own_endpoint = config.text(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT")
        general = (endpoint or "").strip() or config.text("OTEL_EXPORTER_OTLP_ENDPOINT")
        address = own_endpoint or general
        parsed = None if address is None else _parse(address)
        if address is not None and parsed is None:
            config.tell_once(f"the {signal} endpoint must be like http://host:4317; using {DEFAULT_ENDPOINT}")
        scheme, host, port, path = parsed or ("http", "localhost", None, "")
        protocol = config.choice(name("PROTOCOL"), PROTOCOLS, _protocol(port, path))
        if parsed is None:
            port = HTTP_PORT if protocol == "http/protobuf" else GRPC_PORT
        if scheme:
            secure = scheme == "https"
        else:
            secure = protocol == "grpc" and not config.boolean(name("INSECURE"), False)
        if protocol == "grpc":
            path = _GRPC_PATHS[signal]
            default_port = GRPC_PORT if not scheme else (443 if secure else 80)
        else:
            if own_endpoint is None:
                path = f"{path.rstrip('/')}/v1/{signal}"
            path = path or "/"
            default_port = 443 if secure else (80 if scheme else HTTP_PORT)
        port = port or default_port
        return cls(
            protocol=protocol,
            host=host,
            port=port,
            path=path,
            secure=secure,
            headers={
                **_headers("OTEL_EXPORTER_OTLP_HEADERS"),
                **_headers(f"OTEL_EXPORTER_OTLP_{signal.upper()}_HEADERS"),
            },
            gzip=config.choice(name("COMPRESSION"), {"gzip", "none"}, "none") == "gzip",
            timeout=config.timeout(name("TIMEOUT"), 10_000),
            certificate=config.text(name("CERTIFICATE")),
            client_certificate=config.text(name("CLIENT_CERTIFICATE")),
            client_key=config.text(name("CLIENT_KEY")),
            proxy=proxies.from_environment(host, port, secure=secure, grpc=protocol == "grpc"),
        )


_GRPC_PATHS: Final = {
    Signal.TRACES: "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
    Signal.METRICS: "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
    Signal.LOGS: "/opentelemetry.proto.collector.logs.v1.LogsService/Export",
}


def _parse(address: str) -> tuple[str, str, int | None, str] | None:
    """Scheme (empty without), host, port (None without) and path; None when it is no address."""
    bare = "://" not in address
    try:
        parts = urlsplit(f"//{address}" if bare else address)
        port = parts.port
    except ValueError:
        return None
    scheme = "" if bare else parts.scheme.lower()
    if scheme not in {"", "http", "https", "grpc", "grpcs"} or not parts.hostname:
        return None
    return {"grpc": "http", "grpcs": "https"}.get(scheme, scheme), parts.hostname, port, parts.path


def _protocol(port: int | None, path: str) -> str:
    """The protocol that an address speaks when no variable names one."""
    if port == HTTP_PORT or path.rstrip("/").endswith(("/v1/traces", "/v1/metrics", "/v1/logs")):
        return "http/protobuf"
    return "grpc"


def _headers(name: str) -> dict[str, str]:
    """Header pairs of a variable, names in lower case; one that HTTP could not carry is told and left out."""
    found: dict[str, str] = {}
    for key, value in config.pairs(name).items():
        if not _TOKEN.fullmatch(key) or not (value.isascii() and value.isprintable()):
            config.tell_once(f"{name} holds a header with characters HTTP forbids; leaving it out")
        else:
            found[key.lower()] = value
    return found

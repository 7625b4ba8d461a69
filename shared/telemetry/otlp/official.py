"""OTLP/gRPC without `h2`: the client library that the official OTLP exporter brings, with our bytes.

Only the wire is theirs: queue, encoding, retries, deadlines and forks stay the same. It costs 15 MB and its
own threads, which is why `h2` comes first.
"""

from __future__ import annotations

import importlib
import time
from pathlib import Path
from typing import Any

from .exporter import USER_AGENT
from .reply import Outcome, accepted, retry_delay
from .retry import retryable_grpc
from .target import Target


class OfficialTransport:
    """One channel to an OTLP/gRPC receiver."""

    def __init__(self, target: Target) -> None:
        """Make the channel; it connects by itself.

        Raises:
            OSError: a certificate file cannot be read.
        """
        # By name, because nothing may load this package but a service that has nothing better.
        library: Any = importlib.import_module("grpc")
        self._error: type[Exception] = library.RpcError
        host = f"[{target.host}]" if ":" in target.host else target.host
        options = [
            ("grpc.primary_user_agent", USER_AGENT),
            ("grpc.enable_retries", 0),
            ("grpc.max_reconnect_backoff_ms", 1000),
            # Which proxy, and whether any, is decided the same way as for the other transports.
            *(
                [("grpc.enable_http_proxy", 0)]
                if target.proxy is None
                else [("grpc.http_proxy", target.proxy.url)]
            ),
        ]
        compression = library.Compression.Gzip if target.gzip else library.Compression.NoCompression
        address = f"{host}:{target.port}"
        if target.secure:
            credentials = library.ssl_channel_credentials(
                _content(target.certificate), _content(target.client_key), _content(target.client_certificate)
            )
            self._channel = library.secure_channel(address, credentials, options, compression)
        else:
            self._channel = library.insecure_channel(address, options, compression)
        self._call = self._channel.unary_unary(target.path)
        self._metadata = list(target.headers.items())

    def send(self, body: bytes, deadline: float) -> Outcome:
        """Make one call and read its status."""
        timeout = max(0.001, deadline - time.monotonic())
        try:
            return accepted(self._call(body, timeout=timeout, metadata=self._metadata))
        except self._error as error:
            return _outcome(error)

    def close(self) -> None:
        """Close the channel."""
        self._channel.close()


def _outcome(error: Any) -> Outcome:
    code = int(error.code().value[0])
    trailers = {str(key): value for key, value in error.trailing_metadata() or ()}
    details = trailers.get("grpc-status-details-bin")
    wish = retry_delay(details) if isinstance(details, bytes) else None
    message = str(error.details() or "")
    return Outcome(
        ok=False,
        retryable=retryable_grpc(code, wish),
        retry_after=wish,
        reason="refused",
        message=f"{error.code().name}: {message}" if message else str(error.code().name),
    )


def _content(path: str | None) -> bytes | None:
    try:
        return None if path is None else Path(path).read_bytes()
    except OSError as error:
        raise OSError(f"no certificate can be read from {path}") from error

"""Sockets to a receiver: TCP, a proxy, TLS with its certificates; a deadline covers every step."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Sequence

from . import proxy
from .target import Target


def remaining(deadline: float) -> float:
    """Seconds left, for a socket's timeout.

    Raises:
        TimeoutError: none are left.
    """
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError("the deadline has passed")
    return left


def trust(certificate: str | None) -> ssl.SSLContext:
    """What trusts a file of certificates, or the system's without one.

    Raises:
        OSError: the file is missing or holds no certificate.
    """
    context = ssl.create_default_context(cafile=certificate)
    # Since 3.13 Python wants extensions that gRPC, curl and Go, and many private authorities, do without.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


def tls_context(target: Target, protocols: Sequence[str]) -> ssl.SSLContext:
    """The TLS settings of a target: trust, the certificate to show, and the application protocols.

    Raises:
        OSError: a certificate file is missing or holds no certificate; the message names the file.
    """
    try:
        context = trust(target.certificate)
    except (OSError, ValueError) as error:
        raise OSError(f"no certificate can be read from {target.certificate}") from error
    if target.client_certificate is not None:
        try:
            context.load_cert_chain(target.client_certificate, target.client_key, password=_no_password)
        except (OSError, ValueError) as error:
            raise OSError(f"no certificate and key can be read from {target.client_certificate}") from error
    context.set_alpn_protocols(list(protocols))
    return context


def dial(target: Target, deadline: float) -> socket.socket:
    """A TCP connection to a target, or one that its proxy has made or passes requests on from.

    Raises:
        OSError: there is none by the deadline.
    """
    if target.proxy is None:
        return socket.create_connection((target.host, target.port), timeout=remaining(deadline))
    raw = proxy.dial(target.proxy, deadline)
    if target.tunnels:
        try:
            proxy.tunnel(raw, target.proxy, target.host, target.port, deadline)
        except BaseException:
            raw.close()
            raise
    return raw


def connect(target: Target, context: ssl.SSLContext | None, deadline: float) -> socket.socket:
    """A connected socket, wrapped in TLS when there is a context.

    Raises:
        OSError: no connection by the deadline.
    """
    raw = dial(target, deadline)
    try:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if context is None:
            return raw
        raw.settimeout(remaining(deadline))
        return context.wrap_socket(raw, server_hostname=target.host)
    except BaseException:
        raw.close()
        raise


def _no_password() -> str:
    # OpenSSL would otherwise ask on the terminal, which no service has.
    raise ValueError("the key is encrypted")

"""Whether the receiver is there, and speaks what is sent to it."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from shared.telemetry.otlp.connect import dial, trust
from shared.telemetry.otlp.exporter import describe
from shared.telemetry.otlp.proxy import ProxyError
from shared.telemetry.otlp.reply import Outcome
from shared.telemetry.otlp.request import Signal
from shared.telemetry.otlp.target import GRPC_PORT, HTTP_PORT, Target
from shared.telemetry.otlp.transport import transport_for
from temponest.doctor.finding import Finding, error
from temponest.doctor.subject import Subject, is_loopback

from . import vendors

TIMEOUT: Final = 1.5  # seconds for one connection or answer
NO_DATA: Final = b""  # an export request without resources is valid and stores nothing
CREDENTIALS: Final = ("UNAUTHENTICATED", "PERMISSION_DENIED", "status 401", "status 403")
NO_SUCH_PLACE: Final = ("UNIMPLEMENTED", "status 404", "status 405")
GRPC_PATH: Final = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def check(subject: Subject) -> Iterator[Finding]:
    """Name, connection, then an empty request in the configured protocol; on failure, what works instead."""
    if not subject.exports(Signal.TRACES):
        return
    target = subject.target(Signal.TRACES)
    unreachable = _reach(target)
    if unreachable is not None:
        yield unreachable
        return
    outcome = attempt(target)
    if not outcome.ok:
        yield _explain(target, outcome)


def attempt(target: Target, body: bytes = NO_DATA, timeout: float = TIMEOUT) -> Outcome:
    """Send one request once.

    Args:
        target: where, and how.
        body: an encoded export request.
        timeout: seconds until the answer must be there.
    """
    try:
        transport = transport_for(target)(target)
    except (ImportError, OSError) as problem:
        return Outcome(ok=False, reason="error", message=str(problem))
    try:
        return transport.send(body, time.monotonic() + timeout)
    except OSError as problem:
        return Outcome(ok=False, reason="unreachable", message=describe(problem, target))
    finally:
        transport.close()


def _reach(target: Target) -> Finding | None:
    """What keeps a connection from being made; None when nothing does."""
    if target.proxy is not None:
        return _reach_proxy(target)
    try:
        socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        lost = "traces and metrics cannot be sent"
        if "." not in target.host:
            return error(
                f"the name {target.host} of {target} is unknown here",
                f"{lost}; names of containers are known inside their network only",
                f"OTEL_EXPORTER_OTLP_ENDPOINT=http://localhost:{target.port} outside of the containers",
            )
        return error(
            f"the name {target.host} is unknown", lost, "correct the host in OTEL_EXPORTER_OTLP_ENDPOINT"
        )
    try:
        _dial(target)
    except TimeoutError:
        return error(
            f"{target} does not answer",
            "a firewall or a wrong address swallows the connection",
            f"allow outgoing TCP to port {target.port}, or correct OTEL_EXPORTER_OTLP_ENDPOINT",
        )
    except OSError as problem:
        return error(
            f"{target} cannot be reached: {describe(problem, target).partition(';')[0]}",
            "traces and metrics are dropped once the queue is full",
            _instead(target),
        )
    return None


def _reach_proxy(target: Target) -> Finding | None:
    try:
        _dial(target)
    except ProxyError as problem:
        return error(
            str(problem).partition(": ")[0],
            f"{target} is reached through it, because the environment says so; nothing is sent",
            "correct https_proxy (http_proxy for an http:// address), or reach the receiver without it: "
            f"NO_PROXY={target.host}",
        )
    return None


def _dial(target: Target, timeout: float = TIMEOUT) -> None:
    dial(target, time.monotonic() + timeout).close()


def _instead(target: Target) -> str:
    """The other OTLP port when something listens there, else how to start a receiver."""
    for port, protocol in ((HTTP_PORT, "http/protobuf"), (GRPC_PORT, "grpc")):
        if port != target.port:
            other = replace(
                target, port=port, protocol=protocol, path=GRPC_PATH if protocol == "grpc" else "/v1/traces"
            )
            if _listens(other) and attempt(other).ok:
                return f"OTEL_EXPORTER_OTLP_ENDPOINT={_base(other)} (a receiver answers there)"
    if is_loopback(target.host):
        return "start the receiver (temponest serve), or set OTEL_EXPORTER_OTLP_ENDPOINT to the one that runs"
    return "start the receiver there, or correct OTEL_EXPORTER_OTLP_ENDPOINT"


def _listens(target: Target) -> bool:
    try:
        _dial(target, TIMEOUT / 3)
    except OSError:
        return False
    return True


def _explain(target: Target, outcome: Outcome) -> Finding:
    """The true cause of a failed request, found by trying what may have been meant."""
    if outcome.message.startswith(CREDENTIALS):
        return _credentials(target, outcome)
    speaks_tls, trust = _tls(target)
    if speaks_tls != target.secure:
        scheme = "https" if speaks_tls else "http"
        fixed = replace(target, secure=speaks_tls)
        return error(
            f"{target.host}:{target.port} speaks {'TLS' if speaks_tls else 'no TLS'}, "
            f"but {'plain text' if speaks_tls else 'TLS'} is sent to it",
            "every request fails",
            f"OTEL_EXPORTER_OTLP_ENDPOINT={scheme}://{fixed.host}:{fixed.port}",
        )
    if trust:
        return error(
            f"the certificate of {target} is not trusted ({trust})",
            "the connection is given up",
            "OTEL_EXPORTER_OTLP_CERTIFICATE=/path/to/ca.pem",
        )
    other = _other_protocol(target)
    reply = attempt(other)
    if reply.ok or reply.message.startswith(CREDENTIALS):
        return _mixed_up(target, other)
    if target.protocol != "grpc" and outcome.message.startswith(NO_SUCH_PLACE):
        return _path(target)
    if outcome.message.startswith(NO_SUCH_PLACE):
        return error(
            f"{target} speaks gRPC, but takes no traces",
            "it is not an OTLP receiver, or its traces pipeline is off",
            "OTEL_EXPORTER_OTLP_ENDPOINT must name an OTLP receiver; its usual ports are 4317 and 4318",
        )
    if outcome.message == "no answer in time":
        return error(
            f"{target} takes the connection, but does not answer",
            "it is busy, or no OTLP receiver",
            "look at the receiver's log; its usual ports are 4317 (gRPC) and 4318 (HTTP)",
        )
    return error(
        f"{target} does not take traces by {target.protocol}: {outcome.message}",
        "traces are dropped",
        "OTEL_EXPORTER_OTLP_ENDPOINT must name an OTLP receiver; its usual ports are 4317 and 4318",
    )


def _credentials(target: Target, outcome: Outcome) -> Finding:
    status = outcome.message.partition(":")[0]
    sent = ", ".join(sorted(target.headers))
    vendor = vendors.of_host(target.host)
    pattern = "Authorization=Bearer%20..." if vendor is None else vendor.header
    valid = "a key that is valid for writing" if vendor is None else vendor.kind
    return error(
        f"{target} refuses the credentials ({status}); "
        + (f"headers sent: {sent} (values hidden)" if sent else "no headers are sent"),
        "every request is dropped",
        f"OTEL_EXPORTER_OTLP_HEADERS={pattern}" + (f" with {valid}" if sent or vendor else ""),
    )


def _tls(target: Target) -> tuple[bool, str]:
    """Whether the port speaks TLS, and why its certificate is not trusted (empty when it is)."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.set_alpn_protocols(["h2", "http/1.1"])
    context.verify_mode = ssl.CERT_NONE  # nothing secret is sent: this only asks whether TLS is spoken
    try:
        raw = dial(target, time.monotonic() + TIMEOUT)
        raw.settimeout(TIMEOUT)
        with raw, context.wrap_socket(raw, server_hostname=target.host):
            pass
    except OSError:
        return False, ""
    if not target.secure:
        return True, ""
    try:
        trusting = trust(target.certificate)
        raw = dial(target, time.monotonic() + TIMEOUT)
        raw.settimeout(TIMEOUT)
        with raw, trusting.wrap_socket(raw, server_hostname=target.host):
            return True, ""
    except ssl.SSLCertVerificationError as problem:
        return True, problem.verify_message
    except OSError as problem:
        return True, f"{target.certificate}: {type(problem).__name__}" if target.certificate else ""


def _other_protocol(target: Target) -> Target:
    if target.protocol == "grpc":
        return replace(target, protocol="http/protobuf", path="/v1/traces")
    return replace(target, protocol="grpc", path=GRPC_PATH)


def _mixed_up(target: Target, other: Target) -> Finding:
    spoken, sent = (("OTLP/HTTP", "gRPC"), ("gRPC", "OTLP/HTTP"))[other.protocol == "grpc"]
    usual = GRPC_PORT if target.protocol == "grpc" else HTTP_PORT
    return error(
        f"{target.host}:{target.port} speaks {spoken}, but {sent} is sent to it",
        "every request fails",
        f"OTEL_EXPORTER_OTLP_PROTOCOL={other.protocol}, or the port for {sent} (usually {usual})",
    )


def _path(target: Target) -> Finding:
    fixed = replace(target, path="/v1/traces")
    why = "the receiver answers, but no request arrives where traces are taken"
    if target.path != fixed.path and attempt(fixed).ok:
        return error(
            f"{target} is a path without OTLP; {fixed.path} has it",
            why,
            f"OTEL_EXPORTER_OTLP_ENDPOINT={_base(fixed)} (..._TRACES_ENDPOINT is used as it stands)",
        )
    return error(
        f"{target} speaks HTTP, but has no OTLP",
        why,
        "OTEL_EXPORTER_OTLP_ENDPOINT must name an OTLP receiver; its usual ports are 4317 and 4318",
    )


def _base(target: Target) -> str:
    host = f"[{target.host}]" if ":" in target.host else target.host
    return f"{'https' if target.secure else 'http'}://{host}:{target.port}"

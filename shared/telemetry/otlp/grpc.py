"""OTLP/gRPC over `h2`: one connection, one unary call at a time.

Specifications: gRPC over HTTP/2 (PROTOCOL-HTTP2.md of the gRPC project) and specification/protocol/otlp.
"""

from __future__ import annotations

import binascii
import socket
import ssl
import time
from base64 import b64decode
from typing import Final
from urllib.parse import unquote

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)
from h2.exceptions import H2Error

from .compress import gzip
from .connect import connect, remaining, tls_context
from .exporter import USER_AGENT
from .reply import Outcome, accepted, retry_delay
from .retry import retryable_grpc
from .target import Target

REPLY_BYTES: Final = 4 * 1024 * 1024
WRITE_BYTES: Final = 256 * 1024
READ_BYTES: Final = 64 * 1024

# What a status of HTTP means to a gRPC client when the trailers name no status of gRPC's own.
HTTP_TO_GRPC: Final = {400: 13, 401: 16, 403: 7, 404: 12, 429: 14, 502: 14, 503: 14, 504: 14}
RESET_TO_GRPC: Final = {
    ErrorCodes.REFUSED_STREAM: 14,
    ErrorCodes.CANCEL: 1,
    ErrorCodes.ENHANCE_YOUR_CALM: 8,
    ErrorCodes.INADEQUATE_SECURITY: 7,
}
UNKNOWN: Final = 2
INTERNAL: Final = 13
# fmt: off
NAMES: Final = (
    "OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
    "PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE",
    "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED",
)
# fmt: on


class ClosedError(ConnectionError):
    """The receiver ended the connection before it took the call, so that another may carry it."""


class _Call:
    """What has arrived of one call."""

    def __init__(self, stream: int) -> None:
        self.stream = stream
        self.http_status = 0
        self.headers: dict[str, str] = {}
        self.body = bytearray()
        self.reset: ErrorCodes | int | None = None
        self.done = False
        self.refused = False


class GrpcTransport:
    """One connection to an OTLP/gRPC receiver."""

    def __init__(self, target: Target) -> None:
        """Nothing is connected yet.

        Raises:
            OSError: a certificate file cannot be used.
        """
        self._target = target
        self._context = tls_context(target, ["h2"]) if target.secure else None
        self._socket: socket.socket | None = None
        self._http2: H2Connection | None = None
        self._closing = False
        authority = f"[{target.host}]" if ":" in target.host else target.host
        self._headers = [
            (":method", "POST"),
            (":scheme", "https" if target.secure else "http"),
            (":path", target.path),
            (":authority", f"{authority}:{target.port}"),
            ("te", "trailers"),
            ("content-type", "application/grpc"),
            ("user-agent", USER_AGENT),
            *([("grpc-encoding", "gzip")] if target.gzip else []),
            *target.headers.items(),
        ]

    def send(self, body: bytes, deadline: float) -> Outcome:
        """Make one call and read its status.

        Raises:
            OSError: the receiver cannot be reached or does not speak HTTP/2.
        """
        if self._target.gzip:
            body = gzip(body)
        message = b"".join((b"\1" if self._target.gzip else b"\0", len(body).to_bytes(4, "big"), body))
        self._hear_what_came()
        reused = self._socket is not None
        try:
            try:
                return self._exchange(message, deadline)
            except ConnectionError:
                # A receiver may close a kept connection at any moment; that says nothing about a new one.
                if not reused:
                    raise
                self.close()
                return self._exchange(message, deadline)
        except TimeoutError:
            self.close()
            raise
        except (H2Error, UnicodeError) as error:
            self.close()
            raise OSError("its answer is not gRPC (is this the port for gRPC, usually 4317?)") from error

    def close(self) -> None:
        """Close the connection; the next send makes a new one."""
        connection, self._socket, self._http2, self._closing = self._socket, None, None, False
        if connection is not None:
            connection.close()

    def _hear_what_came(self) -> None:
        """Take in what the receiver sent while nothing was asked: pings, settings, its farewell."""
        try:
            while self._socket is not None and self._http2 is not None:
                self._socket.settimeout(0)
                data = self._socket.recv(READ_BYTES)
                if not data:
                    self.close()
                    return
                self._take(self._http2.receive_data(data), None)
                self._write(self._http2.data_to_send())
        except (BlockingIOError, ssl.SSLWantReadError):
            if self._closing:
                self.close()
        except (OSError, H2Error, UnicodeError):
            self.close()

    def _open(self, deadline: float) -> H2Connection:
        if self._http2 is not None:
            return self._http2
        self._socket = connect(self._target, self._context, deadline)
        # Header checks are for those who do not write their headers themselves.
        http2 = H2Connection(
            H2Configuration(
                client_side=True,
                header_encoding="utf-8",
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        http2.initiate_connection()
        self._http2 = http2
        return http2

    def _exchange(self, message: bytes, deadline: float) -> Outcome:
        http2 = self._open(deadline)
        call = _Call(http2.get_next_available_stream_id())
        # ASCII digits and a unit, as grpc-timeout wants it; eight digits at most.
        milliseconds = max(1, int((deadline - time.monotonic()) * 1000))
        http2.send_headers(
            call.stream, [*self._headers, ("grpc-timeout", f"{min(milliseconds, 99_999_999)}m")]
        )
        self._send_message(http2, call, message, deadline)
        while not call.done:
            self._read(http2, call, deadline)
        self._write(http2.data_to_send())
        if call.refused:
            raise ClosedError("the receiver is going away")
        if self._closing:
            self.close()
        return _outcome(call)

    def _send_message(self, http2: H2Connection, call: _Call, message: bytes, deadline: float) -> None:
        """Send the message as fast as the receiver's windows allow; stop when it has answered already."""
        view, sent, gathered = memoryview(message), 0, 0
        while sent < len(view) and not call.done:
            room = min(http2.local_flow_control_window(call.stream), http2.max_outbound_frame_size)
            if room <= 0:
                self._flush(http2, deadline)
                gathered = 0
                self._read(http2, call, deadline)
                continue
            chunk = view[sent : sent + room]
            sent += len(chunk)
            http2.send_data(call.stream, bytes(chunk), end_stream=sent == len(view))
            gathered += len(chunk)
            if gathered >= WRITE_BYTES:
                self._flush(http2, deadline)
                gathered = 0
        self._flush(http2, deadline)

    def _flush(self, http2: H2Connection, deadline: float) -> None:
        if self._socket is not None:
            self._socket.settimeout(remaining(deadline))
        self._write(http2.data_to_send())

    def _write(self, data: bytes) -> None:
        if data and self._socket is not None:
            self._socket.sendall(data)

    def _read(self, http2: H2Connection, call: _Call, deadline: float) -> None:
        if self._socket is None:
            raise ClosedError("the connection is closed")
        self._socket.settimeout(remaining(deadline))
        data = self._socket.recv(READ_BYTES)
        if not data:
            raise ClosedError("the receiver closed the connection")
        self._take(http2.receive_data(data), call)

    def _take(self, events: list[Event], call: _Call | None) -> None:
        for event in events:
            if isinstance(event, ConnectionTerminated):
                self._closing = True
                if call is not None and (event.last_stream_id or 0) < call.stream:
                    call.refused = call.done = True
            elif call is None or getattr(event, "stream_id", None) != call.stream:
                continue
            elif isinstance(event, ResponseReceived | TrailersReceived):
                call.headers.update((str(name), str(value)) for name, value in event.headers)
            elif isinstance(event, DataReceived):
                if len(call.body) + len(event.data) > REPLY_BYTES:
                    raise OSError("its answer is larger than 4 MiB")
                call.body += event.data
                if self._http2 is not None and event.flow_controlled_length:
                    self._http2.acknowledge_received_data(event.flow_controlled_length, call.stream)
            elif isinstance(event, StreamReset):
                # A receiver that has answered may reset what is left of the request (RFC 9113, 8.1).
                call.reset = None if "grpc-status" in call.headers else event.error_code
                call.done = True
            elif isinstance(event, StreamEnded):
                call.done = True


def _outcome(call: _Call) -> Outcome:
    headers = call.headers
    http_status = headers.get(":status", "")
    told = headers.get("grpc-status", "")
    if call.reset is not None:
        code, message = RESET_TO_GRPC.get(call.reset, INTERNAL), "the receiver reset the call"  # type: ignore[call-overload]  # unknown codes are plain ints
    elif told.isascii() and told.isdigit():
        code, message = int(told[:9]), unquote(headers.get("grpc-message", ""))
    else:
        code = HTTP_TO_GRPC.get(int(http_status) if http_status.isdigit() else 0, UNKNOWN)
        message = f"HTTP status {http_status}" if http_status else "no status"
    if code == 0:
        return accepted(_unframe(call.body))
    wish = _wish(headers.get("grpc-status-details-bin"))
    name = NAMES[code] if code < len(NAMES) else str(code)
    return Outcome(
        ok=False,
        retryable=retryable_grpc(code, wish),
        retry_after=wish,
        reason="refused",
        message=f"{name}: {message}" if message else name,
    )


def _unframe(body: bytearray) -> bytes:
    """The message behind its length; empty when it is compressed or cut, which only costs a detail."""
    if len(body) < 5 or body[0]:
        return b""
    return bytes(body[5 : 5 + int.from_bytes(body[1:5], "big")])


def _wish(details: str | None) -> float | None:
    if details is None:
        return None
    try:
        return retry_delay(b64decode(details + "=" * (-len(details) % 4)))
    except (ValueError, binascii.Error):
        return None

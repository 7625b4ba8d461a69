"""OTLP/HTTP with protobuf bodies over one kept connection (specification/protocol/otlp, OTLP/HTTP)."""

from __future__ import annotations

import http.client
import ssl
from typing import Final

from .compress import gzip
from .connect import connect, remaining, tls_context
from .exporter import USER_AGENT
from .reply import Outcome, accepted, status_message
from .retry import RETRYABLE_HTTP, retry_after
from .target import Target

REPLY_BYTES: Final = 4 * 1024 * 1024
EXPLAIN: Final = {
    401: "the receiver asks for credentials",
    403: "the credentials are refused",
    404: "no OTLP at this path",
    407: "the proxy asks for credentials: write them as http://user:password@proxy",
}


class HttpTransport:
    """One connection to an OTLP/HTTP receiver."""

    def __init__(self, target: Target) -> None:
        """Nothing is connected yet.

        Raises:
            OSError: a certificate file cannot be used.
        """
        self._target = target
        self._context = tls_context(target, ["http/1.1"]) if target.secure else None
        self._connection: http.client.HTTPConnection | None = None
        self._headers = {
            **target.headers,
            "content-type": "application/x-protobuf",
            "user-agent": USER_AGENT,
            "accept": "application/x-protobuf",
        }
        if target.gzip:
            self._headers["content-encoding"] = "gzip"
        self._url = target.path
        if target.proxy is not None and not target.tunnels:
            self._url = str(target)
            if target.proxy.authorization is not None:
                self._headers["proxy-authorization"] = target.proxy.authorization

    def send(self, body: bytes, deadline: float) -> Outcome:
        """Send one request and read the answer.

        Raises:
            OSError: the receiver cannot be reached or answers something else than HTTP.
        """
        if self._target.gzip:
            body = gzip(body)
        try:
            if self._is_stale():
                self.close()
            reused = self._connection is not None
            try:
                return self._exchange(body, deadline)
            except (ConnectionError, http.client.BadStatusLine):
                # A receiver may close a kept connection at any moment; that says nothing about a new one.
                if not reused:
                    raise
                self.close()
                return self._exchange(body, deadline)
        except http.client.HTTPException as error:
            self.close()
            raise OSError("its answer is not HTTP") from error

    def close(self) -> None:
        """Close the connection; the next send makes a new one."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _is_stale(self) -> bool:
        """Whether the receiver has closed the waiting connection, or said something nobody asked for."""
        sock = None if self._connection is None else self._connection.sock
        if sock is None:
            return False
        sock.settimeout(0)
        try:
            sock.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return False
        except OSError:
            return True
        return True

    def _exchange(self, body: bytes, deadline: float) -> Outcome:
        connection = self._connection
        if connection is None or connection.sock is None:
            connection = http.client.HTTPConnection(self._target.host, self._target.port)
            connection.sock = connect(self._target, self._context, deadline)
            self._connection = connection
        connection.sock.settimeout(remaining(deadline))
        connection.request("POST", self._url, body, self._headers)
        connection.sock.settimeout(remaining(deadline))
        reply = connection.getresponse()
        answer = reply.read(REPLY_BYTES)
        if reply.will_close or not reply.isclosed():
            self.close()
        return _outcome(reply.status, reply.headers.get("retry-after"), answer)


def _outcome(status: int, wish: str | None, body: bytes) -> Outcome:
    if 200 <= status < 300:
        return accepted(body)
    message = f"status {status}"
    detail = EXPLAIN.get(status) or status_message(body)
    if detail:
        message += f": {detail}"
    return Outcome(
        ok=False,
        retryable=status in RETRYABLE_HTTP,
        retry_after=retry_after(wish),
        reason="refused",
        message=message,
    )

"""HTTP/1.1 as uvicorn speaks it; connections that begin with HTTP/2 go to a gRPC server, or are let go.

Grafana's Tempo plugin dials gRPC on the port of the HTTP API at its start, even when streaming is off.
"""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.auto import AutoHTTPProtocol

HTTP2_PREFACE = b"PRI * HTTP/2.0"


def protocol(http2_port: int | None) -> type[asyncio.Protocol]:
    """The protocol of a port.

    Args:
        http2_port: where on loopback connections that begin with HTTP/2 are answered; None closes them.
    """

    class Http1Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # uvicorn picks its base when it is loaded
        """Looks at the first bytes of a connection; all but HTTP/2's are uvicorn's."""

        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(*args, **kwargs)
            self._first: bytes | None = b""
            self._connection: asyncio.Transport | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:
            """Remember the connection."""
            self._connection = transport
            super().connection_made(transport)

        def data_received(self, data: bytes) -> None:
            """Look at the first bytes, once."""
            if self._first is None:
                super().data_received(data)
                return
            self._first += data
            if self._first.startswith(HTTP2_PREFACE):
                self._http2()
                return
            if HTTP2_PREFACE.startswith(self._first):
                return
            first, self._first = self._first, None
            super().data_received(first)

        def _http2(self) -> None:
            connection = self._connection
            if connection is None:
                return
            if http2_port is None:
                connection.close()
                return
            # For uvicorn this connection is over; with an error it leaves the closing to others.
            super().connection_lost(ConnectionAbortedError())
            connection.pause_reading()
            front = _End()
            connection.set_protocol(front)
            front.joining = asyncio.ensure_future(_join(connection, front, http2_port, self._first or b""))

    return Http1Protocol


class _End(asyncio.Protocol):
    """One end of a connection whose bytes go to the other end as they are, no faster than it takes them."""

    def __init__(self, other: asyncio.Transport | None = None) -> None:
        self.other = other
        self.joining: asyncio.Future[None] | None = None

    def data_received(self, data: bytes) -> None:
        """Pass on."""
        if self.other is not None:
            self.other.write(data)

    def pause_writing(self) -> None:
        """This end takes no more for now."""
        if self.other is not None:
            self.other.pause_reading()

    def resume_writing(self) -> None:
        """This end takes more."""
        if self.other is not None and not self.other.is_closing():
            self.other.resume_reading()

    def connection_lost(self, _exc: Exception | None) -> None:
        """Close the other end, too."""
        if self.other is not None:
            self.other.close()


async def _join(front: asyncio.Transport, end: _End, port: int, first: bytes) -> None:
    try:
        back, _ = await asyncio.get_running_loop().create_connection(lambda: _End(front), "127.0.0.1", port)
    except OSError:
        front.close()
        return
    end.other = back
    if front.is_closing():
        back.close()
        return
    back.write(first)
    front.resume_reading()


def server_config(app: ASGIApp, *, http2_port: int | None = None, **options: Any) -> uvicorn.Config:
    """How every listener of the nest is run: no lifespan, no access log, no version in the replies."""
    return uvicorn.Config(
        app,
        http=protocol(http2_port),
        ws="none",
        lifespan="off",
        access_log=False,
        server_header=False,
        log_level="warning",
        **options,
    )

"""HTTP/1.1 as uvicorn speaks it, and a quiet goodbye to clients that start with HTTP/2.

Grafana's Tempo plugin dials gRPC on this port at its start, even when streaming is off.
"""

from __future__ import annotations

import asyncio
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.auto import AutoHTTPProtocol

HTTP2_PREFACE = b"PRI * HTTP/2.0"


class Http1Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]  # uvicorn picks its base when it is loaded
    """Closes connections that begin with HTTP/2's preface; anything else is uvicorn's."""

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
            if self._connection is not None:
                self._connection.close()
            return
        if HTTP2_PREFACE.startswith(self._first):
            return
        first, self._first = self._first, None
        super().data_received(first)


def server_config(app: ASGIApp, **options: Any) -> uvicorn.Config:
    """How every listener of the nest is run: no lifespan, no access log, no version in the replies."""
    return uvicorn.Config(
        app,
        http=Http1Protocol,
        ws="none",
        lifespan="off",
        access_log=False,
        server_header=False,
        log_level="warning",
        **options,
    )

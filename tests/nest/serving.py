"""An ASGI application behind real HTTP on a free loopback port, for as long as a `with` lasts."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import httpx
import uvicorn
from starlette.types import ASGIApp

from temponest.nest.api.protocol import server_config


@contextlib.contextmanager
def serving(app: ASGIApp) -> Iterator[httpx.Client]:
    """A client of the application; the server ends with the block."""
    listener = socket.create_server(("127.0.0.1", 0))
    port = listener.getsockname()[1]
    server = uvicorn.Server(server_config(app))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    try:
        # The socket listens already: a request made now waits in its queue until the server accepts.
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            yield client
    finally:
        server.should_exit = True
        thread.join()
        listener.close()

"""A real hop over loopback: a request into the application, and one out of each client of the service.

Run by `introspect` after the service was imported. The request asks for a path that no service has, so that
no code of a route runs; what the clients call is a server of this module.
"""

from __future__ import annotations

import http.client
import secrets
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

PATH = "/temponest-doctor"
TIMEOUT = 2.0  # seconds for one request


def into(app: Any) -> str:
    """Send the application a request that carries a trace.

    Returns:
        `continued`, `new` when its span belongs to another trace, `none` when there is no span, else the
        reason why it could not be asked.
    """
    from opentelemetry import trace

    provider = trace.get_tracer_provider()
    if not hasattr(provider, "add_span_processor"):
        return "none"
    seen = _Seen()
    provider.add_span_processor(seen)
    trace_id, span_id = secrets.token_hex(16), secrets.token_hex(8)
    try:
        _ask(app, {"traceparent": f"00-{trace_id}-{span_id}-01"})
    except ImportError:
        return "continued"  # without uvicorn it cannot be served here, which is no fault of the service
    except (OSError, http.client.HTTPException, RuntimeError) as problem:
        return f"{type(problem).__name__}: {problem}"
    if not seen.server:
        return "none"
    return "continued" if f"{seen.server[0]:032x}" == trace_id else "new"


def out_of_clients() -> dict[str, bool]:
    """Whether each client library that the service imported passes the trace on."""
    from opentelemetry import propagate, trace

    callers: dict[str, Callable[[str], object]] = {"httpx": _by_httpx, "requests": _by_requests}
    passes: dict[str, bool] = {}
    with _Listener() as listener, trace.get_tracer("temponest.doctor").start_as_current_span("doctor"):
        expected: dict[str, str] = {}
        propagate.inject(expected)
        for name, call in callers.items():
            if name in sys.modules and expected:
                with suppress(Exception):  # what it raises is no finding about propagation
                    call(f"http://127.0.0.1:{listener.server_port}/")
                    passes[name] = bool(set(expected) & set(listener.headers))
                    listener.headers.clear()
    return passes


class _Seen:
    """A span processor that keeps the trace ids of server spans."""

    def __init__(self) -> None:
        self.server: list[int] = []

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        del parent_context
        if span.kind.name == "SERVER":
            self.server.append(span.context.trace_id)

    def on_end(self, span: Any) -> None:
        """Nothing: the start says all."""

    def _on_ending(self, span: Any) -> None:
        """Nothing, as above; newer SDKs call it."""

    def shutdown(self) -> None:
        """Nothing is held."""

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Nothing waits."""
        del timeout_millis
        return True


def _ask(app: Any, headers: Mapping[str, str]) -> None:
    """One request to the application, served on loopback without its lifespan, which may open databases."""
    import uvicorn

    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, lifespan="off", log_config=None, access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        connection = http.client.HTTPConnection("127.0.0.1", listener.getsockname()[1], timeout=TIMEOUT)
        connection.request("GET", PATH, headers=dict(headers))
        connection.getresponse().read()
        connection.close()
    finally:
        server.should_exit = True
        thread.join(TIMEOUT)


class _Listener(HTTPServer):
    """Takes requests on loopback and keeps the names of their headers."""

    def __init__(self) -> None:
        self.headers: set[str] = set()
        super().__init__(("127.0.0.1", 0), _Handler)

    def __enter__(self) -> _Listener:
        self._thread = threading.Thread(
            target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True
        )
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.shutdown()
        self.server_close()


class _Handler(BaseHTTPRequestHandler):
    server: _Listener

    def do_GET(self) -> None:
        self.server.headers |= {name.lower() for name in self.headers}
        self.send_response_only(204)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _by_httpx(address: str) -> object:
    return sys.modules["httpx"].get(address, timeout=TIMEOUT, trust_env=False)


def _by_requests(address: str) -> object:
    with sys.modules["requests"].Session() as session:
        session.trust_env = False  # a proxy would not reach this machine
        return session.get(address, timeout=TIMEOUT)

"""An HTTP server that tells what it was sent, on a port of its own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread


class Echo(BaseHTTPRequestHandler):
    """Answers with the request's headers; `/status/N` with that status, `/redirect` with a redirect."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        body = json.dumps({name.lower(): value for name, value in self.headers.items()}).encode()
        status = int(self.path.rsplit("/", 1)[1].split("?")[0]) if self.path.startswith("/status/") else 200
        self.send_response(302 if self.path == "/redirect" else status)
        if self.path == "/redirect":
            self.send_header("Location", "/landed")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def echo_server() -> Iterator[str]:
    """The server's address while it runs."""
    listening = ThreadingHTTPServer(("127.0.0.1", 0), Echo)
    thread = Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listening.server_port}"
    finally:
        listening.shutdown()
        listening.server_close()
        thread.join()

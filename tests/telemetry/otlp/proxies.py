"""A real HTTP proxy: CONNECT, and requests with a whole address, for receivers it alone knows."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit


class HttpProxy:
    """A running proxy.

    Attributes:
        port: where it listens.
        routes: the port on this machine of each name it can reach.
        asked: the first line of each request.
        credentials: what `Proxy-Authorization` must be, None when it need not be there.
        status: what it answers to every request in place of passing it on, None to do so.
    """

    def __init__(self, routes: dict[str, int]) -> None:
        self.routes = routes
        self.asked: list[str] = []
        self.credentials: str | None = None
        self.status: int | None = None
        self._open: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self._start(self._listen)

    def stop(self) -> None:
        """Cut every connection and listen no more."""
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for one in (self._listener, *self._open):
            one.close()

    def _start(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments, daemon=True)  # type: ignore[arg-type] # any function
        self._threads.append(thread)
        thread.start()

    def _listen(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._open.append(client)
                self._start(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            head = bytearray()
            while not head.endswith(b"\r\n\r\n"):
                byte = client.recv(1)
                if not byte:
                    return
                head += byte
            first, *lines = head.decode().split("\r\n")
            self.asked.append(first)
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
            status = self.status
            if self.credentials is not None and headers.get("proxy-authorization") != self.credentials:
                status = 407
            method, address, _ = first.split(" ")
            host = address.rpartition(":")[0] if method == "CONNECT" else urlsplit(address).hostname or ""
            if status is None and host not in self.routes:
                status = 502
            if status is not None:
                client.sendall(
                    f"HTTP/1.1 {status} No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
                )
                client.shutdown(socket.SHUT_RDWR)
                return
            upstream = socket.create_connection(("127.0.0.1", self.routes[host]))
            self._open.append(upstream)
            if method == "CONNECT":
                client.sendall(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 test\r\n\r\n")
            else:
                path = urlsplit(address).path
                kept = "\r\n".join(line for line in lines if not line.lower().startswith("proxy-"))
                upstream.sendall(f"{method} {path} HTTP/1.1\r\n{kept}".encode())
            self._start(self._pass_on, upstream, client)
            self._pass_on(client, upstream)

    def _pass_on(self, source: socket.socket, to: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                to.sendall(data)
        with contextlib.suppress(OSError):
            to.shutdown(socket.SHUT_WR)


@contextlib.contextmanager
def http_proxy(**routes: int) -> Iterator[HttpProxy]:
    """A running proxy that reaches each name, with `.test` behind it, at a port of this machine."""
    proxy = HttpProxy({f"{name}.test": port for name, port in routes.items()})
    try:
        yield proxy
    finally:
        proxy.stop()

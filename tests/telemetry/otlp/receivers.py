"""Receivers for the tests: real sockets that answer as told, well or badly."""

from __future__ import annotations

import contextlib
import gzip
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.protobuf.duration_pb2 import Duration
from google.rpc.error_details_pb2 import RetryInfo
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTracePartialSuccess,
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

CERTIFICATES = Path(__file__).parent / "certificates"

Answer = Callable[["GrpcCollector", Any], int]
"""Answers one request: returns how many spans were rejected, or ends it through the context."""


def accept(collector: GrpcCollector, context: Any) -> int:
    """Take everything."""
    del collector, context
    return 0


def status(code: grpc.StatusCode, retry_after: float | None = None, times: int = 1) -> Answer:
    """Fail so many requests with a status, and a RetryInfo when given seconds; then accept."""
    left = iter(range(times))

    def answer(collector: GrpcCollector, context: Any) -> int:
        del collector
        if next(left, None) is None:
            return 0
        if retry_after is not None:
            info = RetryInfo(retry_delay=Duration(nanos=int(retry_after * 1e9)))
            detail = AnyMessage()
            detail.Pack(info)
            details = Status(code=code.value[0], details=[detail]).SerializeToString()
            context.set_trailing_metadata((("grpc-status-details-bin", details),))
        context.abort(code, "as the test wants")
        raise AssertionError("abort raises")

    return answer


class GrpcCollector(TraceServiceServicer):
    """An OTLP/gRPC receiver that can be stopped and started again on its port."""

    def __init__(self, *, tls: grpc.ServerCredentials | None = None, answer: Answer = accept) -> None:
        self.names: list[str] = []
        self.metadata: list[dict[str, str]] = []
        self.peers: list[str] = []
        self.answer = answer
        self.arrived = threading.Semaphore(0)
        self.port = 0
        self._tls = tls
        self._server: grpc.Server | None = None

    def Export(self, request: ExportTraceServiceRequest, context: Any) -> ExportTraceServiceResponse:  # noqa: N802 - the name of the protocol
        """Answer one request."""
        self.arrived.release()
        self.metadata.append(dict(context.invocation_metadata()))
        self.peers.append(context.peer())
        rejected = self.answer(self, context)
        names = [span.name for part in request.resource_spans for s in part.scope_spans for span in s.spans]
        self.names += names[rejected:]
        partial = ExportTracePartialSuccess(
            rejected_spans=rejected, error_message="too old" if rejected else ""
        )
        return ExportTraceServiceResponse(partial_success=partial)

    def start(self) -> None:
        """Listen, on the same port as before."""
        self._server = grpc.server(ThreadPoolExecutor(8), options=[("grpc.so_reuseport", 0)])
        add_TraceServiceServicer_to_server(self, self._server)  # type: ignore[no-untyped-call] # generated code
        address = f"127.0.0.1:{self.port}"
        if self._tls is None:
            self.port = self._server.add_insecure_port(address)
        else:
            self.port = self._server.add_secure_port(address, self._tls)
        self._server.start()

    def stop(self) -> None:
        """Cut every connection and listen no more."""
        if self._server is not None:
            self._server.stop(0).wait()
            self._server = None


@contextlib.contextmanager
def grpc_collector(**options: Any) -> Iterator[GrpcCollector]:
    """A running OTLP/gRPC receiver."""
    collector = GrpcCollector(**options)
    collector.start()
    try:
        yield collector
    finally:
        collector.stop()


class HttpCollector:
    """An OTLP/HTTP receiver; `replies` holds what the next requests get, then all are accepted.

    A reply is a status, headers and a body.
    """

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        collector = self
        self.names: list[str] = []
        self.requests: list[tuple[str, dict[str, str]]] = []
        self.replies: list[tuple[int, dict[str, str], bytes]] = []

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                collector.requests.append((self.path, headers))
                if headers.get("content-encoding") == "gzip":
                    body = gzip.decompress(body)
                code, extra, answer = collector.replies.pop(0) if collector.replies else (200, {}, b"")
                if code == 200:
                    request = ExportTraceServiceRequest.FromString(body)
                    collector.names += [
                        span.name
                        for part in request.resource_spans
                        for s in part.scope_spans
                        for span in s.spans
                    ]
                self.send_response(code)
                for name, value in extra.items():
                    self.send_header(name, value)
                self.send_header("content-length", str(len(answer)))
                self.end_headers()
                self.wfile.write(answer)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's names
                del format, args

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        if tls is not None:
            # The handshake belongs to the thread of the connection, which may fail in it.
            self._server.socket = tls.wrap_socket(
                self._server.socket, server_side=True, do_handshake_on_connect=False
            )
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Listen no more."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@contextlib.contextmanager
def http_collector(tls: ssl.SSLContext | None = None) -> Iterator[HttpCollector]:
    """A running OTLP/HTTP receiver."""
    collector = HttpCollector(tls)
    try:
        yield collector
    finally:
        collector.stop()


@contextlib.contextmanager
def raw_server(reply: bytes | None) -> Iterator[int]:
    """The port of a server that reads once and answers with bytes; None: never answers, never closes."""
    listener = socket.create_server(("127.0.0.1", 0))
    connections: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while connection.recv(65536):
                if reply is not None:
                    connection.sendall(reply)
                    connection.shutdown(socket.SHUT_WR)

    def run() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            connections.append(connection)
            threads.append(threading.Thread(target=serve, args=(connection,), daemon=True))
            threads[-1].start()

    acceptor = threading.Thread(target=run, daemon=True)
    acceptor.start()
    try:
        yield int(listener.getsockname()[1])
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        acceptor.join()
        for thread in threads:
            thread.join()
        for connection in connections:
            connection.close()

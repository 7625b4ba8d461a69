"""A running nest, and servers that are wrong in one way each."""

from __future__ import annotations

import os
import re
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import grpc
import pytest

from temponest.demo.ports import LOOPBACK
from temponest.doctor.finding import Finding
from temponest.doctor.run import Result, diagnose
from temponest.doctor.subject import Subject
from tests.journeys.conftest import Nest, run_nest

CERTIFICATES = Path(__file__).parents[1] / "telemetry" / "otlp" / "certificates"
OURS = ("OTEL", "OTLP", "TELEMETRY", "TEMPONEST")


@pytest.fixture(scope="module")
def nest(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nest]:
    running = run_nest(tmp_path_factory.mktemp("doctor"))
    yield running
    running.stop()


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each test starts without variables that the machine happens to have."""
    for name in list(os.environ):
        if name.upper().startswith(OURS) or name.lower().endswith("_proxy"):
            monkeypatch.delenv(name)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as servers:
        yield servers


def examine(
    nest: Nest,
    *,
    endpoint: str | None = None,
    tempo: str | None = None,
    prometheus: str | None = None,
    service: str | None = None,
) -> Result:
    """The doctor's result for a set-up that uses the nest unless told otherwise."""
    return diagnose(
        Subject(
            endpoint=endpoint or nest.url("OTLP/gRPC"),
            tempo=tempo or nest.url("Tempo API"),
            prometheus=prometheus or nest.url("Prometheus API"),
            service=service,
        )
    )


def follow(finding: Finding, monkeypatch: pytest.MonkeyPatch) -> None:
    """Do with the variables what a finding says, as somebody who copies it would."""
    fix = finding.fix
    if found := re.search(r"rename (\w+) to (\w+)$", fix):
        monkeypatch.setenv(found[2], os.environ[found[1]])
        monkeypatch.delenv(found[1])
    elif found := re.search(r"unset (\w+)$", fix):
        monkeypatch.delenv(found[1])
    elif found := re.search(r"write (\w+) without quotation marks", fix):
        monkeypatch.setenv(found[1], os.environ[found[1]].strip("\"'"))
    else:
        given = re.findall(r"\b([A-Z][A-Z_]+)=(\S+?)(?=,?(?:\s|$))", fix)
        assert given, f"{fix!r} cannot be followed"
        for name, value in given:
            monkeypatch.setenv(name, value)


def first(result: Result) -> Finding:
    """What the doctor says first."""
    return result.findings[0][1]


def serve_grpc(stack: ExitStack, behave: Callable[[str, grpc.ServicerContext], None]) -> str:
    """Start an OTLP/gRPC receiver that calls `behave(method, context)` and takes what that lets pass."""

    class Receiver(grpc.GenericRpcHandler):
        def service(
            self, handler_call_details: grpc.HandlerCallDetails
        ) -> grpc.RpcMethodHandler[bytes, bytes]:
            method = handler_call_details.method

            def export(request: bytes, context: grpc.ServicerContext) -> bytes:
                del request
                behave(method, context)
                return b""

            return grpc.unary_unary_rpc_method_handler(export)

    server = grpc.server(ThreadPoolExecutor(2), handlers=[Receiver()])
    port = server.add_insecure_port(f"{LOOPBACK}:0")
    server.start()
    stack.callback(lambda: server.stop(None).wait())
    return f"http://{LOOPBACK}:{port}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Say nothing: broken handshakes are the point."""


def serve_http(stack: ExitStack, headers: dict[str, str], *, tls: bool = False) -> str:
    """Start an HTTP server that takes everything."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response_only(200)
            for name, value in {"content-length": "0", **headers}.items():
                self.send_header(name, value)
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - the name that http.server looks for

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = _Server((LOOPBACK, 0), Handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATES / "server.pem", CERTIFICATES / "server.key")
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    stack.callback(thread.join)
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
    return f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"


def listen_in_silence(stack: ExitStack) -> str:
    """Take connections and never answer."""
    listener = stack.enter_context(socket.create_server((LOOPBACK, 0)))
    return f"http://{LOOPBACK}:{listener.getsockname()[1]}"

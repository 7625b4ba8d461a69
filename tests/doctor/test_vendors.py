"""How vendors refuse a wrong set-up: after their documentation and reports of users, not recorded live.

Their names lead to servers of this test, so that nothing leaves the machine.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from http.server import BaseHTTPRequestHandler
from typing import Any

import grpc
import h2.config
import h2.connection
import h2.events
import h2.exceptions
import pytest

from temponest.demo.ports import LOOPBACK
from temponest.doctor.checks import vendors, workers
from temponest.doctor.finding import Severity
from temponest.doctor.run import Check, Result, diagnose
from temponest.doctor.subject import Subject

from .conftest import _Server, first, serve_grpc

# Status and body of OTLP over HTTP.
BY_HTTP = {
    "Grafana Cloud without a token": (
        "otlp-gateway-prod-eu-west-2.grafana.net",
        "",
        (401, {"status": "error", "error": "authentication error: no credentials provided"}),
        "OTEL_EXPORTER_OTLP_HEADERS=Authorization=Basic%20... with base64 of instance:token",
    ),
    "Grafana Cloud with a token that is not encoded": (
        "otlp-gateway-prod-eu-west-2.grafana.net",
        "Authorization=Basic%20glc_plain",
        (401, {"status": "error", "error": "authentication error: invalid authentication credentials"}),
        "base64 of instance:token",
    ),
    "Honeycomb with an unknown key": (
        "api.honeycomb.io",
        "x-honeycomb-team=wrong",
        (401, {"message": "unknown API key - check your credentials"}),
        "x-honeycomb-team=... with an ingest key",
    ),
    "New Relic with a user's key": (
        "otlp.nr-data.net",
        "api-key=NRAK-wrong",
        (403, {}),
        "api-key=... with a license key (INGEST)",
    ),
    "Datadog with a key of another site": (
        "otlp.datadoghq.eu",
        "dd-api-key=wrong",
        (403, {"status": "error", "code": 403, "errors": ["Forbidden"]}),
        "dd-api-key=... with an API key of this site",
    ),
}
BY_GRPC = {
    "Honeycomb without a key": (
        "api.honeycomb.io",
        grpc.StatusCode.UNAUTHENTICATED,
        "missing 'x-honeycomb-team' header",
        "x-honeycomb-team=...",
    ),
    "New Relic with a user's key": (
        "otlp.nr-data.net",
        grpc.StatusCode.PERMISSION_DENIED,
        "",
        "api-key=...",
    ),
}


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every name leads to this machine."""
    look_up: Callable[..., Any] = socket.getaddrinfo

    def local(host: Any, *rest: Any, **more: Any) -> Any:
        return look_up(LOOPBACK if host else host, *rest, **more)

    monkeypatch.setattr(socket, "getaddrinfo", local)


def refuse_http(stack: ExitStack, status: int, body: object) -> int:
    """The port of a server that answers everything with this status."""
    text = json.dumps(body).encode() if body else b""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("content-length", 0)))
            self.send_response_only(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = _Server((LOOPBACK, 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    stack.callback(thread.join)
    stack.callback(server.server_close)
    stack.callback(server.shutdown)
    return int(server.server_port)


def refuse_http2(stack: ExitStack, status: int) -> int:
    """The port of a gateway before a gRPC receiver that refuses by a status of HTTP, as JSON."""
    listener = stack.enter_context(socket.create_server((LOOPBACK, 0)))

    def serve() -> None:
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            with client, suppress(OSError):  # the doctor first looks whether a connection is taken at all
                _refuse(client, status)

    threading.Thread(target=serve, daemon=True).start()
    stack.callback(lambda: listener.shutdown(socket.SHUT_RDWR))
    return int(listener.getsockname()[1])


def _refuse(client: socket.socket, status: int) -> None:
    connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
    connection.initiate_connection()
    client.sendall(connection.data_to_send())
    while data := client.recv(65536):
        try:
            events = connection.receive_data(data)
        except h2.exceptions.ProtocolError:  # the doctor asks whether TLS is spoken here
            return
        for event in events:
            if isinstance(event, h2.events.StreamEnded) and event.stream_id is not None:
                headers = [(":status", str(status)), ("content-type", "application/json")]
                connection.send_headers(event.stream_id, headers)
                connection.send_data(event.stream_id, b'{"error":"no credentials"}', end_stream=True)
        client.sendall(connection.data_to_send())


def examine(endpoint: str, **variables: str) -> Result:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        return diagnose(Subject(endpoint=endpoint))


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("case", BY_HTTP)
def test_a_refused_key_is_explained_in_the_vendors_words(case: str, stack: ExitStack) -> None:
    host, headers, (status, body), fix = BY_HTTP[case]
    port = refuse_http(stack, status, body)
    result = examine(
        f"http://{host}:{port}",
        OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf",
        OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="delta",
        **({"OTEL_EXPORTER_OTLP_HEADERS": headers} if headers else {}),
    )
    assert "refuses the credentials" in first(result).what
    assert str(status) in first(result).what
    assert fix in first(result).fix
    assert not headers or headers.partition("=")[2] not in str(result)


@pytest.mark.usefixtures("here")
@pytest.mark.parametrize("case", BY_GRPC)
def test_a_key_refused_by_grpc(case: str, stack: ExitStack) -> None:
    host, code, message, fix = BY_GRPC[case]

    def behave(_: str, context: grpc.ServicerContext) -> None:
        context.abort(code, message)

    port = serve_grpc(stack, behave).rpartition(":")[2]
    result = examine(f"http://{host}:{port}", OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE="delta")
    assert "refuses the credentials" in first(result).what
    assert fix in first(result).fix


@pytest.mark.usefixtures("here")
def test_a_gateway_that_refuses_grpc_by_a_status_of_http(stack: ExitStack) -> None:
    port = refuse_http2(stack, 401)
    finding = first(examine(f"http://tempo-prod-08-prod-eu-west-3.grafana.net:{port}"))
    assert "refuses the credentials (UNAUTHENTICATED)" in finding.what
    assert "Authorization=Basic%20..." in finding.fix


@pytest.mark.parametrize(
    ("host", "said"), [("otlp.nr-data.net", "New Relic"), ("otlp.datadoghq.com", "Datadog")]
)
def test_totals_where_differences_are_wanted(host: str, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    subject = Subject(endpoint=f"https://{host}")
    result = diagnose(subject, [Check("vendor", vendors.check)])
    assert f"{said} wants counters as differences" in first(result).what
    monkeypatch.setenv(vendors.PREFERENCE, "delta")
    assert diagnose(Subject(endpoint=f"https://{host}"), [Check("vendor", vendors.check)]).findings == []


@pytest.mark.parametrize(
    "variables",
    [
        {"WEB_CONCURRENCY": "4"},
        {"UVICORN_WORKERS": "4"},
        {"GUNICORN_CMD_ARGS": "--bind=0.0.0.0 --workers=4"},
        {"GUNICORN_CMD_ARGS": "-w 4"},
    ],
)
def test_several_workers_and_one_port_for_prometheus(
    variables: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"OTEL_METRICS_EXPORTER": "prometheus", **variables}.items():
        monkeypatch.setenv(name, value)
    finding = first(diagnose(Subject(), [Check("workers", workers.check)]))
    assert finding.what == "OTEL_METRICS_EXPORTER=prometheus with 4 workers"


def test_the_official_grpc_exporter_in_a_forked_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GUNICORN_CMD_ARGS", "--preload")
    assert diagnose(Subject(), [Check("workers", workers.check)]).findings == []
    monkeypatch.setattr(workers, "find_spec", lambda _: None)
    result = diagnose(Subject(), [Check("workers", workers.check)])
    assert (result.severity, "pip install h2" in first(result).fix) == (Severity.WARNING, True)

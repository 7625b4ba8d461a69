"""What each vendor's receiver would see: path, protocol, headers, compression, temporality."""

from __future__ import annotations

import gzip
import os
import re
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality

from temponest.demo.programs import ROOT

from .files import DOCKER, environment_file

CERTIFICATES = ROOT / "tests" / "telemetry" / "otlp" / "certificates"
DELTA = AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE

SECRETS = {
    "GRAFANA_CLOUD_AUTH": "c2VjcmV0",
    "HONEYCOMB_API_KEY": "secret",
    "NEW_RELIC_LICENSE_KEY": "secret",
    "DATADOG_API_KEY": "secret",
    "DATADOG_SITE": "datadoghq.com",
}

# A service with one span and one counter.
SERVICE = """
from shared.telemetry import get_meter, get_tracer, setup_metrics, setup_tracing, shutdown

setup_tracing(service_name="shop")
setup_metrics(service_name="shop")
get_tracer("t").start_span("work").end()
get_meter("m").create_counter("jobs").add(1)
shutdown()
"""


@dataclass
class Vendor:
    """A receiver that keeps what it is sent."""

    port: int
    requests: dict[str, list[tuple[dict[str, str], bytes]]] = field(default_factory=dict)


@pytest.fixture
def vendor() -> Iterator[Vendor]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            received.requests.setdefault(self.path, []).append((headers, body))
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            del format, args

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(CERTIFICATES / "server.pem", CERTIFICATES / "server.key")
    server.socket = context.wrap_socket(server.socket, server_side=True)
    received = Vendor(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield received
    server.shutdown()
    server.server_close()
    thread.join()


def send(name: str, vendor: Vendor) -> None:
    """Run a service with a vendor's variables, its host replaced by the receiver here."""
    environment = environment_file(DOCKER / "vendors" / f"{name}.env", SECRETS)
    endpoint = environment["OTEL_EXPORTER_OTLP_ENDPOINT"]
    environment["OTEL_EXPORTER_OTLP_ENDPOINT"] = re.sub(
        r"https://[^/]+", f"https://localhost:{vendor.port}", endpoint
    )
    environment["OTEL_EXPORTER_OTLP_CERTIFICATE"] = str(CERTIFICATES / "ca.pem")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    subprocess.run(  # noqa: S603 - our own program
        [sys.executable, "-c", SERVICE],
        env={**inherited, "PYTHONPATH": str(ROOT), **environment},
        check=True,
        timeout=60,
    )


@pytest.mark.parametrize(
    ("name", "prefix", "header", "value", "temporality"),
    [
        ("grafana-cloud", "/otlp", "authorization", "Basic c2VjcmV0", CUMULATIVE),
        ("honeycomb", "", "x-honeycomb-team", "secret", CUMULATIVE),
        ("new-relic", "", "api-key", "secret", DELTA),
        ("datadog", "", "dd-api-key", "secret", DELTA),
    ],
)
def test_a_vendor_gets_what_it_asks_for(
    vendor: Vendor, name: str, prefix: str, header: str, value: str, temporality: int
) -> None:
    send(name, vendor)
    assert vendor.requests.keys() == {f"{prefix}/v1/traces", f"{prefix}/v1/metrics"}
    for headers, _ in chain(*vendor.requests.values()):
        assert headers[header] == value
        assert headers["content-type"] == "application/x-protobuf"
        assert headers["content-encoding"] == "gzip"
    jobs = [
        metric
        for _, body in vendor.requests[f"{prefix}/v1/metrics"]
        for group in ExportMetricsServiceRequest.FromString(gzip.decompress(body)).resource_metrics
        for scope in group.scope_metrics
        for metric in scope.metrics
        if metric.name == "jobs"
    ]
    assert {metric.sum.aggregation_temporality for metric in jobs} == {temporality}


def test_honeycombs_metrics_name_their_dataset(vendor: Vendor) -> None:
    send("honeycomb", vendor)
    assert vendor.requests["/v1/metrics"][0][0]["x-honeycomb-dataset"] == "metrics"
    assert "x-honeycomb-dataset" not in vendor.requests["/v1/traces"][0][0]


@pytest.mark.parametrize("path", sorted((DOCKER / "vendors").glob("*.env")), ids=lambda path: path.stem)
def test_a_vendors_file_holds_no_secret(path: Path) -> None:
    headers = [line for line in path.read_text().splitlines() if "HEADERS=" in line]
    assert headers
    assert all(re.search(r"\$\{[A-Z_]+:\?is not set\}", line) for line in headers)

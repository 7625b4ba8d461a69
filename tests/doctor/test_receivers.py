"""Broken ways to the receiver: the doctor names the cause first, with the fix that works."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack

import grpc
import pytest
from click.testing import CliRunner

from temponest.cli.main import main
from temponest.demo.ports import LOOPBACK, free_ports
from temponest.doctor.finding import Severity
from tests.journeys.conftest import Nest
from tests.telemetry.otlp.proxies import http_proxy

from .conftest import CERTIFICATES, examine, first, follow, listen_in_silence, serve_grpc, serve_http

PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_a_healthy_set_up_is_one_line_and_exit_code_0(
    nest: Nest, monkeypatch: pytest.MonkeyPatch, protocol: str
) -> None:
    monkeypatch.setenv(PROTOCOL, protocol)
    endpoint = nest.url("OTLP/gRPC" if protocol == "grpc" else "OTLP/HTTP")
    apis = ["--tempo", nest.url("Tempo API"), "--prometheus", nest.url("Prometheus API")]
    result = CliRunner().invoke(main, ["doctor", "--endpoint", endpoint, *apis])
    assert result.exit_code == 0, result.output
    assert result.output.count("\n") == 1
    assert result.output.count("read back") == 2


def test_json_holds_every_finding_and_the_exit_code_is_the_severity() -> None:
    (port,) = free_ports(1)
    result = CliRunner().invoke(main, ["doctor", "--json", "--endpoint", f"http://{LOOPBACK}:{port}"])
    document = json.loads(result.output)
    assert result.exit_code == 2
    assert document["severity"] == "error"
    assert document["findings"][0]["check"] == "endpoint"
    assert all(document["findings"][0][key] for key in ("what", "why", "fix"))


def test_nothing_listens(nest: Nest) -> None:
    (port,) = free_ports(1)
    finding = first(examine(nest, endpoint=f"http://{LOOPBACK}:{port}"))
    assert "nothing listens" in finding.what
    assert "temponest serve" in finding.fix


def test_the_name_of_a_container_is_used_outside_of_its_network(nest: Nest) -> None:
    finding = first(examine(nest, endpoint="http://jaeger-of-nobody:4317"))
    assert "jaeger-of-nobody" in finding.what
    assert "unknown" in finding.what
    assert "localhost:4317" in finding.fix


def test_grpc_is_sent_to_the_port_for_http(nest: Nest, monkeypatch: pytest.MonkeyPatch) -> None:
    finding = first(examine(nest, endpoint=nest.url("OTLP/HTTP")))
    assert "speaks OTLP/HTTP" in finding.what
    assert f"{PROTOCOL}=http/protobuf" in finding.fix
    follow(finding, monkeypatch)
    assert examine(nest, endpoint=nest.url("OTLP/HTTP")).severity is Severity.OK


def test_http_is_sent_to_the_port_for_grpc(nest: Nest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROTOCOL, "http/protobuf")
    finding = first(examine(nest))
    assert "speaks gRPC" in finding.what
    assert f"{PROTOCOL}=grpc" in finding.fix
    follow(finding, monkeypatch)
    assert examine(nest).severity is Severity.OK


@pytest.mark.parametrize("protocol", ["grpc", "http/protobuf"])
def test_tls_is_sent_to_a_plain_port(nest: Nest, monkeypatch: pytest.MonkeyPatch, protocol: str) -> None:
    monkeypatch.setenv(PROTOCOL, protocol)
    url = nest.url("OTLP/gRPC" if protocol == "grpc" else "OTLP/HTTP")
    finding = first(examine(nest, endpoint=url.replace("http:", "https:")))
    assert "speaks no TLS" in finding.what
    assert finding.fix.endswith(url)
    follow(finding, monkeypatch)
    assert examine(nest, endpoint=os.environ[ENDPOINT]).severity is Severity.OK


def test_plain_text_is_sent_to_a_tls_port(
    nest: Nest, monkeypatch: pytest.MonkeyPatch, stack: ExitStack
) -> None:
    monkeypatch.setenv(PROTOCOL, "http/protobuf")
    url = serve_http(stack, {}, tls=True)
    finding = first(examine(nest, endpoint=url.replace("https:", "http:")))
    assert "speaks TLS" in finding.what
    assert finding.fix.endswith(url)
    follow(finding, monkeypatch)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(CERTIFICATES / "ca.pem"))
    # It keeps nothing, but is reached.
    assert "took a test trace" in first(examine(nest, endpoint=os.environ[ENDPOINT])).what


def test_a_certificate_is_not_trusted(nest: Nest, monkeypatch: pytest.MonkeyPatch, stack: ExitStack) -> None:
    monkeypatch.setenv(PROTOCOL, "http/protobuf")
    url = serve_http(stack, {}, tls=True)
    finding = first(examine(nest, endpoint=url))
    assert "certificate" in finding.what
    assert "OTEL_EXPORTER_OTLP_CERTIFICATE" in finding.fix
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(CERTIFICATES / "ca.pem"))
    assert "certificate" not in first(examine(nest, endpoint=url)).what


def test_a_receiver_behind_a_proxy(nest: Nest, monkeypatch: pytest.MonkeyPatch) -> None:
    port = int(nest.url("OTLP/gRPC").rpartition(":")[2])
    monkeypatch.setenv("NO_PROXY", "localhost,127.0.0.1,::1")
    with http_proxy(nest=port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://{LOOPBACK}:{proxy.port}")
        assert examine(nest, endpoint=f"http://nest.test:{port}").severity is Severity.OK
        assert f"CONNECT nest.test:{port} HTTP/1.1" in proxy.asked
        proxy.status = 403
        finding = first(examine(nest, endpoint=f"http://nest.test:{port}"))
        assert finding.what == f"the proxy http://{LOOPBACK}:{proxy.port} answers 403"
        assert finding.fix.endswith("NO_PROXY=nest.test")
    away = first(examine(nest, endpoint=f"http://nest.test:{port}"))
    assert away.what.startswith(f"the proxy http://{LOOPBACK}:{proxy.port} cannot be reached")


def test_a_path_too_much(nest: Nest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PROTOCOL, "http/protobuf")
    url = nest.url("OTLP/HTTP")
    finding = first(examine(nest, endpoint=f"{url}/v2"))
    assert "path without OTLP" in finding.what
    assert f"{ENDPOINT}={url} " in finding.fix
    follow(finding, monkeypatch)
    assert examine(nest, endpoint=os.environ[ENDPOINT]).severity is Severity.OK


def test_the_endpoint_is_a_query_api(nest: Nest) -> None:
    finding = first(examine(nest, endpoint=nest.url("Tempo API")))
    # It speaks gRPC, to stream answers; the doctor does not take that for a receiver.
    assert "speaks gRPC, but takes no traces" in finding.what
    assert "4317" in finding.fix


def test_a_receiver_that_never_answers(nest: Nest, stack: ExitStack) -> None:
    finding = first(examine(nest, endpoint=listen_in_silence(stack)))
    assert "does not answer" in finding.what


@pytest.mark.parametrize(("headers", "said"), [("", "no headers are sent"), ("x-key=s3cret", "x-key")])
def test_refused_credentials(
    nest: Nest, monkeypatch: pytest.MonkeyPatch, stack: ExitStack, headers: str, said: str
) -> None:
    def refuse(method: str, context: grpc.ServicerContext) -> None:
        del method
        context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you")

    if headers:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", headers)
    result = examine(nest, endpoint=serve_grpc(stack, refuse))
    assert "refuses the credentials" in first(result).what
    assert said in first(result).what
    assert "OTEL_EXPORTER_OTLP_HEADERS" in first(result).fix
    assert "s3cret" not in str(result)


def test_a_backend_without_metrics_is_named(
    nest: Nest, monkeypatch: pytest.MonkeyPatch, stack: ExitStack
) -> None:
    def like_jaeger(method: str, context: grpc.ServicerContext) -> None:
        if "metrics" in method:
            context.abort(grpc.StatusCode.UNIMPLEMENTED, "unknown service")

    endpoint = serve_grpc(stack, like_jaeger)
    found = examine(nest, endpoint=endpoint).findings
    (metrics,) = [finding for _, finding in found if "takes no metrics" in finding.what]
    assert "OTEL_METRICS_EXPORTER=none" in metrics.fix
    follow(metrics, monkeypatch)
    assert "metrics" not in "".join(finding.what for _, finding in examine(nest, endpoint=endpoint).findings)


def test_a_receiver_that_keeps_nothing(nest: Nest, stack: ExitStack) -> None:
    finding = first(examine(nest, endpoint=serve_grpc(stack, lambda *_: None)))
    assert "took a test trace" in finding.what
    assert "sampling" in finding.fix


def test_a_wrong_address_of_the_query_apis(nest: Nest) -> None:
    wrong = nest.url("OTLP/HTTP")
    finding = first(examine(nest, tempo=wrong, prometheus=wrong))
    assert "does not answer as Tempo" in finding.what
    assert "--tempo" in finding.fix


def test_a_clock_that_is_wrong(nest: Nest, monkeypatch: pytest.MonkeyPatch, stack: ExitStack) -> None:
    monkeypatch.setenv(PROTOCOL, "http/protobuf")
    url = serve_http(stack, {"date": "Mon, 01 Jan 2024 00:00:00 GMT"})
    finding = first(examine(nest, endpoint=url))
    assert "ahead of the one at" in finding.what
    assert "time synchronisation" in finding.fix


def test_a_password_in_an_address_is_not_shown(nest: Nest) -> None:
    (port,) = free_ports(1)
    result = examine(nest, tempo=f"http://me:s3cret@{LOOPBACK}:{port}")
    assert f"http://{LOOPBACK}:{port} does not answer as Tempo" in first(result).what
    assert "s3cret" not in str(result)

"""The endpoint rules and the exporter's variables, as a table that reads like the specification."""

from __future__ import annotations

import os

import pytest

from shared.telemetry import config
from shared.telemetry.otlp.request import Signal
from shared.telemetry.otlp.target import Target

P = "OTEL_EXPORTER_OTLP_"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)
    monkeypatch.setattr(config, "_told", set())


@pytest.mark.parametrize(
    ("given", "variables", "protocol", "address"),
    [
        # Nothing set, and empty counts as nothing.
        (None, {}, "grpc", "http://localhost:4317"),
        (None, {"ENDPOINT": "", "PROTOCOL": " "}, "grpc", "http://localhost:4317"),
        (None, {"PROTOCOL": "http/protobuf"}, "http/protobuf", "http://localhost:4318/v1/traces"),
        # The guide's argument, and the general variable that it replaces.
        ("http://jaeger:4317", {}, "grpc", "http://jaeger:4317"),
        ("http://jaeger:4317", {"ENDPOINT": "http://other:4317"}, "grpc", "http://jaeger:4317"),
        (None, {"ENDPOINT": "http://other:4317"}, "grpc", "http://other:4317"),
        # The signal's own wins over the general one and over the argument.
        (None, {"ENDPOINT": "http://a:4317", "TRACES_ENDPOINT": "http://b:4317"}, "grpc", "http://b:4317"),
        ("http://a:4317", {"TRACES_ENDPOINT": "http://b:4317"}, "grpc", "http://b:4317"),
        # Port and path tell the protocol, unless the variable does.
        (None, {"ENDPOINT": "http://a:4318"}, "http/protobuf", "http://a:4318/v1/traces"),
        (None, {"TRACES_ENDPOINT": "https://a/v1/traces"}, "http/protobuf", "https://a:443/v1/traces"),
        (None, {"ENDPOINT": "http://a:4318", "PROTOCOL": "grpc"}, "grpc", "http://a:4318"),
        (
            None,
            {"ENDPOINT": "http://a:4317", "TRACES_PROTOCOL": "http/protobuf"},
            "http/protobuf",
            "http://a:4317/v1/traces",
        ),
        # A general HTTP endpoint is a base, a signal's own is used as it is.
        (None, {"ENDPOINT": "http://a:4318/base/"}, "http/protobuf", "http://a:4318/base/v1/traces"),
        (None, {"TRACES_ENDPOINT": "http://a:4318/in"}, "http/protobuf", "http://a:4318/in"),
        (None, {"TRACES_ENDPOINT": "http://a:4318"}, "http/protobuf", "http://a:4318/"),
        # TLS of gRPC: the scheme decides, INSECURE only without one.
        (None, {"ENDPOINT": "https://a:4317", "INSECURE": "true"}, "grpc", "https://a:4317"),
        (None, {"ENDPOINT": "http://a:4317", "INSECURE": "false"}, "grpc", "http://a:4317"),
        (None, {"ENDPOINT": "a:4317"}, "grpc", "https://a:4317"),
        (None, {"ENDPOINT": "a:4317", "INSECURE": "true"}, "grpc", "http://a:4317"),
        (None, {"ENDPOINT": "a:4317", "TRACES_INSECURE": "true"}, "grpc", "http://a:4317"),
        ("http://[::1]:4317", {}, "grpc", "http://[::1]:4317"),
        # What cannot be used gives way to the default.
        (None, {"ENDPOINT": "http://a:port"}, "grpc", "http://localhost:4317"),
        (None, {"ENDPOINT": "ftp://a"}, "grpc", "http://localhost:4317"),
        (
            None,
            {"ENDPOINT": "http://a:4318", "PROTOCOL": "smoke"},
            "http/protobuf",
            "http://a:4318/v1/traces",
        ),
    ],
)
def test_endpoint(
    monkeypatch: pytest.MonkeyPatch,
    given: str | None,
    variables: dict[str, str],
    protocol: str,
    address: str,
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(P + name, value)
    target = Target.from_environment(Signal.TRACES, given)
    assert (target.protocol, str(target)) == (protocol, address)


def test_each_signal_has_its_own_path() -> None:
    paths = [Target.from_environment(signal, "http://a:4318").path for signal in Signal]
    assert paths == ["/v1/traces", "/v1/metrics", "/v1/logs"]


def test_headers_are_decoded_and_those_of_the_signal_win(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{P}HEADERS", "Authorization=Basic%20dXNlcg%3D%3D, x-tenant = one ,")
    monkeypatch.setenv(f"{P}TRACES_HEADERS", "x-tenant=two")
    headers = Target.from_environment(Signal.TRACES).headers
    assert headers == {"authorization": "Basic dXNlcg==", "x-tenant": "two"}


def test_an_endpoint_that_is_no_address_is_told_without_being_shown(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(f"{P}ENDPOINT", "planted:secret@nowhere:port")
    assert str(Target.from_environment(Signal.TRACES)) == "http://localhost:4317"
    assert caplog.messages == [
        "telemetry: the traces endpoint must be like http://host:4317; using http://localhost:4317"
    ]


def test_a_header_that_would_split_the_request_is_left_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(f"{P}HEADERS", "good=1,bad=planted%0d%0ax: y")
    assert Target.from_environment(Signal.TRACES).headers == {"good": "1"}
    assert "planted" not in caplog.text


@pytest.mark.parametrize(
    ("value", "seconds", "warning"),
    [
        ("2500", 2.5, None),
        ("", 10.0, None),
        ("10", 0.01, "write 10000 for 10 s"),
        ("soon", 10.0, "OTEL_EXPORTER_OTLP_TIMEOUT must be a whole number"),
        ("-1", 10.0, "OTEL_EXPORTER_OTLP_TIMEOUT must be a whole number"),
    ],
)
def test_timeout_is_in_milliseconds(
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    value: str,
    seconds: float,
    warning: str | None,
) -> None:
    monkeypatch.setenv(f"{P}TIMEOUT", value)
    assert Target.from_environment(Signal.TRACES).timeout == seconds
    Target.from_environment(Signal.TRACES)
    assert len(caplog.messages) == (warning is not None)
    assert warning is None or warning in caplog.messages[0]


def test_compression_and_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{P}COMPRESSION", "GZIP")
    monkeypatch.setenv(f"{P}CERTIFICATE", "ca.pem")
    monkeypatch.setenv(f"{P}CLIENT_KEY", "general.key")
    monkeypatch.setenv(f"{P}TRACES_CLIENT_KEY", "own.key")
    monkeypatch.setenv(f"{P}CLIENT_CERTIFICATE", "own.pem")
    target = Target.from_environment(Signal.TRACES)
    assert target.gzip
    assert (target.certificate, target.client_key, target.client_certificate) == (
        "ca.pem",
        "own.key",
        "own.pem",
    )

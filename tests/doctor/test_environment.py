"""Broken variables: the doctor names the cause first, with the fix."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from temponest.demo.ports import LOOPBACK, free_ports
from temponest.doctor import variables
from temponest.doctor.finding import Severity
from temponest.doctor.run import diagnose
from temponest.doctor.subject import Subject
from tests.journeys.conftest import Nest

from .conftest import examine, first, follow

BROKEN = [
    ("OTEL_EXPORTER_OTLP_ENDPIONT", "http://x:4317", "did you mean OTEL_EXPORTER_OTLP_ENDPOINT", "rename"),
    ("OTEL_EXPORTER_ENDPOINT", "http://x:4317", "did you mean OTEL_EXPORTER_OTLP_ENDPOINT", "rename"),
    ("otel_service_name", "shop", "did you mean OTEL_SERVICE_NAME", "rename"),
    ("OTEL_SERVICENAME", "shop", "did you mean OTEL_SERVICE_NAME", "rename"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "10", "10 milliseconds", "=10000"),
    ("OTEL_EXPORTER_OTLP_TIMEOUT", "10s", "whole number of milliseconds", "=10000"),
    ("OTEL_BSP_SCHEDULE_DELAY", "1.5s", "whole number of milliseconds", "=1500"),
    ("OTEL_SERVICE_NAME", "", "is empty", "unset"),
    ("OTEL_SERVICE_NAME", '"shop"', "quotation marks", "without"),
    ("OTEL_SDK_DISABLED", "1", "must be true or false", "=true"),
    ("OTEL_SDK_DISABLED", "true", "OTEL_SDK_DISABLED=true", "unset OTEL_SDK_DISABLED"),
    ("TELEMETRY_ENABLED", "false", "TELEMETRY_ENABLED=false", "unset TELEMETRY_ENABLED"),
    ("OTEL_TRACES_EXPORTER", "none", "contains none", "=otlp"),
    ("OTEL_TRACES_EXPORTER", "jaeger", "names jaeger", "=otlp"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json", "must be one of", "=http/protobuf"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://localhost:4318/v1/traces", "ends with /v1/traces", ":4318"),
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "ftp://localhost:4317", "is no address", "=http://localhost:4317"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "Authorization: Bearer s3cret", "uses a colon", "name=value"),
    ("OTEL_RESOURCE_ATTRIBUTES", "team", "part without =", "name=value"),
    ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "many", "whole number", "128"),
    ("OTEL_TRACES_SAMPLER", "always_off", "always_off", "parentbased_always_on"),
    ("OTEL_TRACES_SAMPLER", "ratio", "not known", "parentbased_traceidratio"),
    ("OTEL_TRACES_SAMPLER_ARG", "0.5", "without OTEL_TRACES_SAMPLER", "parentbased_traceidratio"),
    ("OTEL_PROPAGATORS", "baggage", "leaves out tracecontext", "tracecontext,baggage"),
]


@pytest.mark.parametrize(("name", "value", "what", "fix"), BROKEN)
def test_a_broken_variable_is_named_first_and_all_is_well_when_the_fix_is_followed(
    nest: Nest, monkeypatch: pytest.MonkeyPatch, name: str, value: str, what: str, fix: str
) -> None:
    monkeypatch.setenv(name, value)
    result = examine(nest)
    assert result.severity is not Severity.OK
    assert what in first(result).what
    assert fix in first(result).fix
    assert "s3cret" not in str(result)
    follow(first(result), monkeypatch)
    # Whoever names a protocol of HTTP means its port, too.
    endpoint = nest.url("OTLP/HTTP" if value.startswith("http/") else "OTLP/gRPC")
    assert examine(nest, endpoint=endpoint).severity is Severity.OK


@pytest.mark.parametrize(
    ("ratio", "what", "severity"),
    [
        ("0", "=0", Severity.ERROR),
        ("0.01", "keeps 1.00%", Severity.WARNING),
        ("10%", "no number from 0 to 1", Severity.WARNING),
    ],
)
def test_a_ratio_that_keeps_too_little(
    nest: Nest, monkeypatch: pytest.MonkeyPatch, ratio: str, what: str, severity: Severity
) -> None:
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "parentbased_traceidratio")
    monkeypatch.setenv("OTEL_TRACES_SAMPLER_ARG", ratio)
    finding = first(examine(nest))
    assert finding.severity is severity
    assert what in finding.what


def test_a_proxy_that_catches_this_machine(nest: Nest, monkeypatch: pytest.MonkeyPatch) -> None:
    (port,) = free_ports(1)
    monkeypatch.setenv("http_proxy", f"http://{LOOPBACK}:{port}")
    finding = first(examine(nest))
    assert "http_proxy catches 127.0.0.1" in finding.what
    follow(finding, monkeypatch)
    assert examine(nest).severity is Severity.OK


def test_a_misspelt_endpoint_comes_before_the_refused_connection_it_causes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (port,) = free_ports(1)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPONT", "http://receiver:4317")
    result = diagnose(Subject(endpoint=f"http://{LOOPBACK}:{port}"))
    assert [check for check, _ in result.findings][:2] == ["environment", "endpoint"]


@pytest.mark.parametrize(
    "value",
    ["http/json", "http", ""],
)
def test_an_ignored_protocol_comes_before_the_wrong_one_that_is_then_sent(
    nest: Nest, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", value)
    endpoint = nest.url("OTLP/HTTP")
    result = examine(nest, endpoint=endpoint)
    assert [check for check, _ in result.findings][:2] == ["environment", "endpoint"]
    assert {finding.severity for _, finding in result.findings[:2]} == {Severity.ERROR}
    assert "OTEL_EXPORTER_OTLP_PROTOCOL" in first(result).what
    # Of an empty variable only its writer knows what it was to hold; the next line tells.
    follow(first(result) if value else result.findings[1][1], monkeypatch)
    assert examine(nest, endpoint=endpoint).severity is Severity.OK


def test_an_ignored_value_for_metrics_comes_after_the_port_where_nothing_listens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (port,) = free_ports(1)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_METRICS_PROTOCOL", "http/json")
    result = diagnose(Subject(endpoint=f"http://{LOOPBACK}:{port}"))
    assert [check for check, _ in result.findings] == ["endpoint", "environment"]


def test_variables_of_others_are_left_alone(nest: Nest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_PYTHON_REQUESTS_EXCLUDED_URLS", "health")
    monkeypatch.setenv("OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT", "true")
    monkeypatch.setenv("OTELLO", "moor")
    assert examine(nest).severity is Severity.OK


def test_no_variable_of_the_configuration_page_counts_as_misspelt() -> None:
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    names = set(re.findall(r"\b(?:OTEL|TEMPONEST|TELEMETRY)_[A-Z0-9_]*[A-Z0-9]\b(?!_)", page))
    assert len(names) > 40
    assert {name: variables.meant(name) for name in names if variables.meant(name)} == {}

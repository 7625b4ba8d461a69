"""Log lines from a sender to the command line, on a running nest."""

from __future__ import annotations

import json

import httpx
import pytest
from click.testing import CliRunner, Result
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest

from temponest.cli.main import main

from .conftest import Nest
from .wait import until

TRACE = bytes(range(16, 32))


def send(nest: Nest, *lines: str, service: str = "logger", trace_id: bytes = b"") -> None:
    message = ExportLogsServiceRequest()
    group = message.resource_logs.add()
    group.resource.attributes.add(key="service.name").value.string_value = service
    scope = group.scope_logs.add()
    for number, line in enumerate(lines):
        record = scope.log_records.add(time_unix_nano=nest.now_ns() + number, trace_id=trace_id)
        record.severity_number = 17  # type: ignore[assignment] # any number is allowed on the wire
        record.body.string_value = line
    httpx.post(
        f"{nest.url('OTLP/HTTP')}/v1/logs",
        content=message.SerializeToString(),
        headers={"Content-Type": "application/x-protobuf"},
    ).raise_for_status()


def run(nest: Nest, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["logs", *arguments, "--loki", nest.url("Loki API")])


@pytest.fixture(scope="module")
def filled(nest: Nest) -> Nest:
    """A nest that holds three lines of the service `logger`, two of them of a trace."""
    send(nest, "begun", "failed\nTraceback \x1b[31mred\x1b[0m \x07", trace_id=TRACE)
    send(nest, "without a trace")
    until(lambda: "without a trace" in run(nest, '{service_name="logger"}').output, "the lines")
    return nest


def test_lines_are_shown_with_level_service_and_trace_the_newest_last(filled: Nest) -> None:
    result = run(filled, '{service_name="logger"}')
    assert result.exit_code == 0, result.output
    first, *_, last = result.output.splitlines()
    assert first.split(" ", 1)[1] == f"error   logger begun {TRACE.hex()}"
    assert last.split(" ", 1)[1] == "error   logger without a trace"


def test_a_line_cannot_change_the_terminal(filled: Nest) -> None:
    output = run(filled, '{service_name="logger"} |= "Traceback"').output
    assert "logger failed\n    Traceback red \\x07" in output
    assert "\x1b" not in output


def test_the_lines_of_a_trace_are_found_by_its_id(filled: Nest) -> None:
    output = run(filled, "--trace", TRACE.hex().upper()).output
    assert "begun" in output
    assert "without a trace" not in output


def test_what_is_no_trace_id_is_refused(filled: Nest) -> None:
    result = run(filled, "--trace", '" or "')
    assert result.exit_code == 1
    assert "32 hexadecimal digits" in result.output


def test_json_has_every_label(filled: Nest) -> None:
    (line,) = json.loads(run(filled, '{service_name="logger"} |= "begun"', "--json").stdout)
    assert (line["level"], line["line"]) == ("error", "begun")
    assert line["labels"]["trace_id"] == TRACE.hex()


def test_a_query_that_counts_is_a_table(filled: Nest) -> None:
    query = 'sum by (detected_level) (count_over_time({service_name="logger"}[1h]))'
    assert "detected_level=error" in run(filled, query).output
    assert json.loads(run(filled, query, "--json").stdout) == [
        {"labels": {"detected_level": "error"}, "value": 3.0}
    ]


def test_a_limit_keeps_the_newest_and_says_so(filled: Nest) -> None:
    output = run(filled, '{service_name="logger"}', "--limit", "1").output
    assert "without a trace" in output
    assert "begun" not in output
    assert "Cut off at 1" in output


def test_nothing_found_says_what_to_try(filled: Nest) -> None:
    assert "No line matches" in run(filled, '{service_name="nobody"}').output


def test_a_wrong_query_is_shown_with_the_place(filled: Nest) -> None:
    result = run(filled, '{service_name="logger"} | jsn')
    assert result.exit_code == 1
    assert "unknown stage 'jsn'" in result.output
    assert "^" in result.output


def test_following_prints_lines_as_they_come(filled: Nest) -> None:
    # Stamped ahead, so that it lies in what is followed whichever of the two is first.
    message = ExportLogsServiceRequest()
    scope = message.resource_logs.add().scope_logs.add()
    record = scope.log_records.add(time_unix_nano=filled.now_ns() + 3_000_000_000)
    record.body.string_value = "soon"
    httpx.post(
        f"{filled.url('OTLP/HTTP')}/v1/logs",
        content=message.SerializeToString(),
        headers={"Content-Type": "application/x-protobuf"},
    ).raise_for_status()
    result = run(filled, '{service_name="unknown_service"} |= "soon"', "--follow", "--count", "1")
    assert result.output.rstrip().endswith("unknown_service soon")

"""The command line on a running nest."""

from __future__ import annotations

import json
import re

import pytest
from click.testing import CliRunner, Result

from temponest.cli.main import main
from tests.nest.ingest.messages import request

from .conftest import Nest
from .wait import until

TRACE = bytes(range(16))


@pytest.fixture(scope="module")
def filled(nest: Nest) -> Nest:
    """A nest that holds one trace of the service `shop`, seconds old."""
    message = request(TRACE, spans=3, route="/cart")
    now = nest.now_ns()
    for index, span in enumerate(message.resource_spans[0].scope_spans[0].spans):
        span.start_time_unix_nano = now + index
        span.end_time_unix_nano = now + 5_000_000 + index
    nest.send(message)
    until(lambda: nest.tempo.trace(TRACE.hex()), "the trace")
    return nest


def run(nest: Nest, *arguments: str) -> Result:
    options = ["--tempo", nest.url("Tempo API"), "--prometheus", nest.url("Prometheus API")]
    return CliRunner().invoke(main, [*arguments, *options])


def test_search_lists_traces_newest_first(filled: Nest) -> None:
    result = run(filled, "search", '{ span.route = "/cart" }')
    assert result.exit_code == 0, result.output
    assert TRACE.hex() in result.output
    assert "shop" in result.output


def test_search_says_when_nothing_matches(filled: Nest) -> None:
    assert "No trace matches" in run(filled, "search", '{ name = "nothing" }').output


def test_a_wrong_query_is_shown_with_the_place(filled: Nest) -> None:
    result = run(filled, "search", "{ name = }")
    assert result.exit_code == 1
    assert "400" in result.output
    assert "^" in result.output


def test_trace_draws_the_spans(filled: Nest) -> None:
    result = run(filled, "trace", TRACE.hex())
    assert "3 spans over shop" in result.output
    assert "step 2" in result.output


def test_a_trace_that_is_not_there_is_an_error_with_a_way_out(filled: Nest) -> None:
    result = run(filled, "trace", "ab" * 16)
    assert result.exit_code == 1
    assert "temponest search" in result.output


def test_json_is_for_programs(filled: Nest) -> None:
    spans = json.loads(run(filled, "trace", TRACE.hex(), "--json").output)
    assert [span["name"] for span in spans] == ["step 0", "step 1", "step 2"]


def test_query_draws_a_line_a_series(filled: Nest) -> None:
    result = run(filled, "query", "vector(1)", "--since", "60")
    assert re.search(r"\(no labels\) +▁+ +1", result.output), result.output


def test_services_shows_rate_errors_and_p95(filled: Nest) -> None:
    def look() -> str:
        output = run(filled, "services").output
        return output if "shop" in output else ""

    assert "requests/s" in until(look, "the service", 30)


def test_top_ends_after_as_many_looks_as_it_is_told(filled: Nest) -> None:
    assert run(filled, "top", "--times", "1").exit_code == 0


def test_tail_prints_traces_as_they_come(filled: Nest) -> None:
    result = run(filled, "tail", '{ span.route = "/cart" }', "--count", "1")
    assert TRACE.hex() in result.output


def test_cost_says_that_nothing_reports_it(filled: Nest) -> None:
    assert run(filled, "cost").exit_code == 0


def test_a_server_that_is_not_there_is_named() -> None:
    result = CliRunner().invoke(main, ["search", "--tempo", "http://127.0.0.1:9"])
    assert result.exit_code == 1
    assert "http://127.0.0.1:9 does not answer" in result.output


def test_help_shows_every_command_with_its_line() -> None:
    output = CliRunner().invoke(main, ["--help"]).output
    for name in ("cost", "demo", "query", "search", "serve", "services", "tail", "top", "trace", "ui"):
        assert re.search(rf"^  {name} +\S", output, re.MULTILINE)

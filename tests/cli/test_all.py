"""What holds for every command."""

from __future__ import annotations

import json
import re
import sys

import click
import pytest
from click.testing import CliRunner, Result

from temponest.cli.main import COMMANDS, main
from tests.journeys.conftest import Nest

from .conftest import FIRST, SECOND

# Every command that asks a server, with what it needs to answer at once.
ASKING = {
    "cost": [],
    "diff": [FIRST.hex(), SECOND.hex()],
    "query": ["vector(1)"],
    "search": [],
    "services": [],
    "tail": ["--count", "1"],
    "top": ["--times", "1"],
    "trace": [FIRST.hex()],
}


def run(name: str, *arguments: str, nest: Nest | None = None, **more: str) -> Result:
    tempo, prometheus = (
        ("http://127.0.0.1:9",) * 2 if nest is None else (nest.url("Tempo API"), nest.url("Prometheus API"))
    )
    options = ["--tempo", tempo, "--prometheus", prometheus]
    return CliRunner().invoke(main, [name, *ASKING[name], *arguments, *options], env=more, color=True)


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_an_example(name: str) -> None:
    output = CliRunner().invoke(main, [name, "--help"]).output
    assert re.search(rf"^ +(\S+ ?= ?)?.*\btemponest {name}\b", output.partition("\n")[2], re.MULTILINE), (
        output
    )
    assert re.search(rf"temponest {name}\b", output.partition("Usage")[2].partition("\n")[2]), output


def test_every_command_that_asks_is_tested_here() -> None:
    asking = set()
    for name in COMMANDS:
        command = main.get_command(click.Context(main), name)
        assert command is not None
        options = {option for parameter in command.params for option in parameter.opts}
        if {"--tempo", "--json"} <= options and name != "doctor":
            asking.add(name)
    assert asking == set(ASKING)


@pytest.mark.parametrize("name", ASKING)
def test_json_is_json_and_nothing_else(name: str, nest: Nest) -> None:
    result = run(name, "--json", nest=nest)
    assert isinstance(json.loads(result.stdout, parse_constant=pytest.fail), dict | list)


@pytest.mark.parametrize("name", ASKING)
def test_no_line_ends_in_blanks_where_it_is_piped(name: str, nest: Nest) -> None:
    lines = run(name, nest=nest).stdout.splitlines()
    assert [line for line in lines if line != line.rstrip()] == []


def test_tail_keeps_the_id_whole_in_a_narrow_terminal(nest: Nest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("temponest.terminal.screen.PIPED_WIDTH", 60)
    (line,) = click.unstyle(run("tail", nest=nest, FORCE_COLOR="1").stdout).splitlines()
    assert len(line) <= 60
    assert FIRST.hex() in line


def test_a_command_without_its_packages_says_how_to_get_them(monkeypatch: pytest.MonkeyPatch) -> None:
    # Python's own way to say that a module cannot be had.
    monkeypatch.setitem(sys.modules, "rich.console", None)
    monkeypatch.delitem(sys.modules, "temponest.cli.commands.init", raising=False)
    result = CliRunner().invoke(main, ["init", "--help"])
    assert result.exit_code == 1
    assert "Error: init needs rich.console" in result.stderr
    assert "pip install 'temponest[nest]'" in result.stderr


def test_services_tells_requests_without_rates_from_none_at_all(
    nest: Nest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("temponest.cli.commands.services.red", lambda _: {})
    monkeypatch.setattr("temponest.cli.commands.services.REQUESTS", '{ name = "step 0" }')
    assert "Requests have come" in run("services", nest=nest).stderr
    monkeypatch.setattr("temponest.cli.commands.services.REQUESTS", '{ name = "none" }')
    assert "No service had a request" in run("services", nest=nest).stderr


@pytest.mark.parametrize("name", ASKING)
def test_no_answer_says_what_to_do_next(name: str) -> None:
    result = run(name)
    assert result.exit_code == (2 if name == "diff" else 1)
    assert "http://127.0.0.1:9 does not answer" in result.stderr
    assert "temponest serve" in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("name", ASKING)
def test_another_kind_of_server_is_told_from_a_wrong_question(name: str, nest: Nest) -> None:
    options = ["--tempo", nest.url("Prometheus API"), "--prometheus", nest.url("Tempo API")]
    result = CliRunner().invoke(main, [name, *ASKING[name], *options])
    assert result.exit_code != 0
    assert "Error: " in result.stderr


@pytest.mark.parametrize("address", ["http://[", "ftp://localhost", "http://", "http://localhost:port"])
def test_an_address_that_is_none_is_named(address: str) -> None:
    result = CliRunner().invoke(main, ["search", "--tempo", address])
    assert f"Error: {address!r} is no address" in result.stderr


def test_an_address_needs_no_scheme(nest: Nest) -> None:
    address = nest.url("Tempo API").removeprefix("http://")
    assert CliRunner().invoke(main, ["search", "--tempo", address]).exit_code == 0


@pytest.mark.parametrize(("variables", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_no_color_is_honoured(variables: dict[str, str], coloured: bool) -> None:
    doctor = ["doctor", "--endpoint", "http://127.0.0.1:9"]
    output = CliRunner().invoke(main, doctor, env={"FORCE_COLOR": "1", **variables}).output
    assert ("\x1b[31m" in output) is coloured
    assert "nothing listens there" in output


def test_diff_tells_a_difference_by_its_exit_code(nest: Nest) -> None:
    assert run("diff", nest=nest).exit_code == 1
    options = ["--tempo", nest.url("Tempo API")]
    same = CliRunner().invoke(main, ["diff", FIRST.hex(), FIRST.hex(), *options])
    assert (same.exit_code, "No difference" in same.output) == (0, True)


def test_diff_of_a_trace_that_is_not_there(nest: Nest) -> None:
    options = ["--tempo", nest.url("Tempo API")]
    result = CliRunner().invoke(main, ["diff", FIRST.hex(), "ab" * 16, *options])
    assert result.exit_code == 2
    assert f"there is no trace {'ab' * 16}" in result.stderr


@pytest.mark.parametrize(
    "options",
    [["--service", "shop"], ["--tag", "route=/cart"], ["--tag", "route=/cart", "--service", "shop"]],
)
def test_search_by_service_and_tag(nest: Nest, options: list[str]) -> None:
    found = json.loads(run("search", *options, "--json", nest=nest).stdout)
    assert {one["trace_id"] for one in found} == {FIRST.hex(), SECOND.hex()}


def test_search_by_another_service_finds_nothing(nest: Nest) -> None:
    assert json.loads(run("search", "--service", "bank", "--json", nest=nest).stdout) == []


def test_a_query_beside_a_tag_is_refused() -> None:
    result = CliRunner().invoke(main, ["search", "{}", "--tag", "a=b"])
    assert (result.exit_code, "QUERY stands alone" in result.output) == (2, True)


def test_a_tag_without_a_value_is_refused() -> None:
    result = CliRunner().invoke(main, ["search", "--tag", "route"])
    assert (result.exit_code, "is not KEY=VALUE" in result.output) == (2, True)

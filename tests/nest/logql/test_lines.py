"""Queries for lines: what each part of the language selects and makes of a line."""

from __future__ import annotations

import pytest

from temponest.nest.logql import entries
from temponest.nest.logql.engine import Engine
from temponest.nest.logql.entries import Entries
from temponest.nest.logql.errors import InvalidQueryError, TooLargeError
from temponest.nest.logql.frame import Entry
from temponest.nest.model.budget import Budget

from ..store.otlp import EPOCH, SECOND

ALL = '{service_name=~".+"}'


def ask(engine: Engine, query: str, limit: int = 100, *, newest_first: bool = False) -> list[Entry]:
    found = engine.range(query, EPOCH, EPOCH + 60 * SECOND, Budget(), limit=limit, newest_first=newest_first)
    assert isinstance(found, Entries)
    return found.entries


def numbers(engine: Engine, query: str) -> list[int]:
    """Which of the records pass, by their place among them."""
    return [(entry.time_ns - EPOCH) // (10 * SECOND) for entry in ask(engine, query)]


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (ALL, [0, 1, 2, 3, 4, 5]),
        ('{service_name="shop"}', [1, 2, 3, 4]),
        ('{service_name!="shop"}', [0, 5]),
        ('{service_name=~"sh.*|auth"}', [0, 1, 2, 3, 4]),
        ('{service_name=~"sh"}', []),
        ('{service_name!~"sh.*"}', [0, 5]),
        ('{service_name="auth", deployment_environment_name="test"}', [0]),
        ('{deployment_environment_name=""}', [1, 2, 3, 4, 5]),
        (f'({ALL} |= "card")', [2]),
        # line filters
        (ALL + ' |= "logged"', [0]),
        (ALL + ' |= ""', [0, 1, 2, 3, 4, 5]),
        (ALL + ' != "a"', [0, 4, 5]),
        (ALL + ' |~ "[0-9]+ms"', [1]),
        (ALL + ' |~ "(?i)CARD"', [2]),
        (ALL + ' !~ "e"', [3, 5]),
        (ALL + ' |= "card" or "logged"', [0, 2]),
        (ALL + ' != "card" or "logged" |= "e"', [1, 4]),
        (ALL + ' |= `"order"`', [4]),
        # label filters on structured metadata
        (ALL + ' | trace_id="00000000000000000000000000000001"', [0, 1]),
        (ALL + ' | trace_id!=""', [0, 1, 2]),
        (ALL + ' | span_id="000000000000000b"', [0]),
        (ALL + ' | http_route="/login"', [0]),
        (ALL + ' | host_name="a"', [0]),
        (ALL + ' | peer_name="db"', [4]),
        (ALL + ' | list=~".*b.*"', [4]),
        (ALL + ' | event_name="order.placed"', [4]),
        (ALL + ' | scope_name="tests" | scope_version="1" | service_name="auth"', [0]),
        (ALL + ' | severity_text="WARNING"', [1]),
        (ALL + " | severity_number>=13", [1]),
        (ALL + " | n=1", [0]),
        (ALL + " | n>1", []),
        (ALL + ' | detected_level="info"', [0, 4]),
        (ALL + ' | detected_level="warn"', [1]),
        (ALL + ' | detected_level="error"', [2]),
        (ALL + ' | detected_level="debug"', [3]),
        (ALL + ' | detected_level="unknown"', [5]),
        (ALL + ' | detected_level=~"warn|error" | trace_id!=""', [1, 2]),
        (ALL + ' | n=1 or detected_level="debug"', [0, 3]),
        (ALL + ' | n=1 or detected_level="debug" and http_route=""', [0, 3]),
        (ALL + ' | (n=1 or detected_level="debug") and http_route=""', [3]),
        (ALL + ' | detected_level="info", event_name=""', [0]),
        # parsers
        ('{service_name="shop"} | json | level="warn"', [1]),
        ('{service_name="shop"} | json | user_id=7', [1]),
        ('{service_name="shop"} | json | took>200ms | __error__=""', [1]),
        ('{service_name="shop"} | json | size>=2KB | __error__=""', [1]),
        ('{service_name="shop"} | json | size>2KB | __error__=""', []),
        ('{service_name="shop"} | json | __error__=""', [1, 4]),
        ('{service_name="shop"} | json who="user.name" | who="ann"', [1]),
        ('{service_name="shop"} | json first="tags[0]" | first="x"', [1]),
        ('{service_name="shop"} | logfmt | status=402', [2]),
        ('{service_name="shop"} | logfmt | msg="card refused"', [2]),
        ('{service_name="shop"} | logfmt why="msg" | why=~"card.*"', [2]),
        ('{service_name="shop"} | regexp "(?P<method>GET|POST) (?P<path>\\\\S+)" | path="/cart"', [3]),
        ('{service_name="shop"} | pattern "<ip> - <method> <path> <status>" | status=200', [3]),
        ('{service_name="shop"} | pattern "<_> - <method> <_>" | method="GET"', [3]),
        ('{service_name="shop"} | line_format "{{.detected_level}}" |= "debug"', [3]),
        ('{service_name="shop"} | label_format bad=detected_level | bad="warn"', [1]),
        ('{service_name="shop"} | label_format bad=detected_level | detected_level="warn"', []),
        ('{service_name="shop"} | label_format a="{{.detected_level}}/{{.n}}" | a="warn/"', [1]),
        ('{service_name="shop"} | drop detected_level | detected_level="warn"', []),
        ('{service_name="shop"} | keep detected_level | trace_id!=""', []),
        ('{service_name="shop"} | drop detected_level="warn" | detected_level=""', [1]),
        # comments and space
        ("{service_name=\"auth\"} # who\n |= `logged`", [0]),
    ],
)  # fmt: skip
def test_a_query_selects(engine: Engine, query: str, wanted: list[int]) -> None:
    assert numbers(engine, query) == wanted


def test_an_entry_has_stream_labels_and_structured_metadata(engine: Engine) -> None:
    (entry,) = ask(engine, '{service_name="auth"}')
    assert entry.line == "user 1 logged in"
    assert entry.stream == {"service_name": "auth", "deployment_environment_name": "test"}
    assert entry.metadata == {
        "detected_level": "info",
        "host_name": "a",
        "http_route": "/login",
        "n": "1",
        "scope_name": "tests",
        "scope_version": "1",
        "severity_number": "9",
        "span_id": "000000000000000b",
        "trace_id": "00000000000000000000000000000001",
    }
    assert entry.parsed == {}


@pytest.mark.parametrize(
    ("query", "parsed"),
    [
        (
            '{service_name="shop"} |= "ann" | json',
            {
                "level": "warn",
                "took": "250ms",
                "size": "2KB",
                "user_id": "7",
                "user_name": "ann",
            },
        ),
        (
            '{service_name="shop"} |= "card" | logfmt --keep-empty',
            {"level": "error", "msg": "card refused", "took": "1.5s", "empty": "", "status": "402"},
        ),
        (
            '{service_name="shop"} |= "GET" | pattern "<ip> - <_> <path> <status>"',
            {"ip": "10.0.0.1", "path": "/cart", "status": "200"},
        ),
        (
            '{service_name="shop"} |= "GET" | json | drop __error_details__',
            {"__error__": "JSONParserErr"},
        ),
        ('{service_name="shop"} |= "GET" | logfmt --strict | keep nothing', {}),
        (
            '{service_name="shop"} |= "card" | logfmt | took>1KB | keep none | drop __error_details__',
            {"__error__": "LabelFilterErr"},
        ),
    ],
)
def test_stages_make_labels(engine: Engine, query: str, parsed: dict[str, str]) -> None:
    (entry,) = ask(engine, query)
    assert entry.parsed == dict(sorted(parsed.items()))


def test_a_parsed_label_does_not_hide_one_of_the_stream(engine: Engine) -> None:
    query = '{service_name="auth"} | line_format "service_name=other" | logfmt'
    (entry,) = ask(engine, query)
    assert entry.stream["service_name"] == "auth"
    assert entry.parsed == {"service_name_extracted": "other"}
    assert numbers(engine, query + ' | service_name_extracted="other"') == [0]
    assert numbers(engine, query + ' | service_name="other"') == []


def test_keep_leaves_only_what_it_names(engine: Engine) -> None:
    (entry,) = ask(engine, '{service_name="auth"} | keep trace_id, service_name="auth", n="2"')
    assert entry.labels == {"service_name": "auth", "trace_id": "00000000000000000000000000000001"}


def test_line_format_makes_the_line(engine: Engine) -> None:
    (entry,) = ask(engine, '{service_name="auth"} | line_format "{{ .n }}: {{__line__}} {{.absent}}."')
    assert entry.line == "1: user 1 logged in ."


def test_the_line_of_a_body_that_is_no_string_is_json(engine: Engine) -> None:
    (entry,) = ask(engine, '{service_name="shop"} | event_name="order.placed"')
    assert entry.line == '{"order":{"id":5}}'


@pytest.mark.parametrize(("newest_first", "wanted"), [(True, [5, 4]), (False, [0, 1])])
def test_a_limit_takes_the_lines_that_come_first(
    engine: Engine, newest_first: bool, wanted: list[int]
) -> None:
    found = ask(engine, ALL, limit=2, newest_first=newest_first)
    assert [(entry.time_ns - EPOCH) // (10 * SECOND) for entry in found] == wanted


def test_the_end_of_a_window_is_left_out(engine: Engine) -> None:
    found = engine.range(ALL, EPOCH, EPOCH + 10 * SECOND, Budget())
    assert isinstance(found, Entries)
    assert [entry.time_ns for entry in found.entries] == [EPOCH]


def test_lines_have_no_value_at_one_time(engine: Engine) -> None:
    with pytest.raises(InvalidQueryError, match="ask query_range"):
        engine.instant(ALL, EPOCH, Budget())


def test_more_entries_than_are_given_out_are_refused(engine: Engine) -> None:
    with pytest.raises(InvalidQueryError, match="at most 5,000 entries"):
        ask(engine, ALL, limit=5_001)


def test_lines_that_are_too_long_together_are_refused(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(entries, "MAX_CHARACTERS", 200)
    assert len(ask(engine, ALL, limit=1)) == 1
    with pytest.raises(TooLargeError, match="ask for fewer with limit"):
        ask(engine, ALL)


def test_every_label_of_an_entry_can_be_filtered_by(engine: Engine) -> None:
    for entry in ask(engine, ALL):
        for name, value in entry.labels.items():
            quoted = value.replace("\\", "\\\\").replace('"', '\\"')
            found = ask(engine, f'{ALL} | {name}="{quoted}"')
            assert entry in found, name

"""The lists in `cases/`: what is a query, what is none, and what the error says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from temponest.nest.traceql.check import check
from temponest.nest.traceql.engine import compile_query
from temponest.nest.traceql.errors import InvalidQueryError, ParseError, TraceQLError, UnsupportedError
from temponest.nest.traceql.parse_fields import MAX_DEPTH
from temponest.nest.traceql.parser import parse
from temponest.nest.traceql.printer import print_query
from tests.nest.traceql import make_docs

CASES = Path(__file__).parent / "cases"


def _cases(name: str) -> Any:
    return yaml.safe_load((CASES / f"{name}.yaml").read_text())


VALID = [query for group in _cases("valid").values() for query in group]


@pytest.mark.parametrize("query", VALID)
def test_a_valid_query_passes_the_check_and_prints_back_to_itself(query: str) -> None:
    tree = parse(query)
    check(tree)
    printed = print_query(tree)
    assert parse(printed) == tree
    assert print_query(parse(printed)) == printed


@pytest.mark.parametrize("case", _cases("parse_fails"), ids=lambda case: case["query"])
def test_a_text_that_is_no_query_is_refused_at_its_place(case: dict[str, Any]) -> None:
    with pytest.raises(ParseError) as caught:
        parse(case["query"])
    assert [caught.value.line, caught.value.column] == case["at"]


@pytest.mark.parametrize(
    ("name", "kind"), [("validate_fails", InvalidQueryError), ("unsupported", UnsupportedError)]
)
def test_a_query_without_meaning_or_engine_says_which_part(name: str, kind: type[Exception]) -> None:
    for case in _cases(name):
        with pytest.raises(TraceQLError) as caught:
            compile_query(case["query"])
        assert type(caught.value) is kind, case["query"]
        assert case["says"] in str(caught.value), case["query"]


def test_a_parse_error_shows_the_line_with_a_caret() -> None:
    with pytest.raises(ParseError) as caught:
        parse("{ .a = 1 &&\n\t.b = }")
    assert str(caught.value) == (
        "parse error at line 2, col 7: unexpected '}', expected an attribute or a value\n"
        "  \t.b = }\n"
        "  \t     ^"
    )


@pytest.mark.parametrize(
    "query",
    [
        "(" * 10_000,
        "{ " + "(" * 10_000,
        "{ " + "!" * 10_000 + "true }",
        "{ " + "-" * 10_000 + "1 = 1 }",
        "{ " + " && ".join([".a"] * 10_000) + " }",
        " && ".join(["{ }"] * 10_000),
        " | ".join(["{ }"] * 10_000),
        "-" * 10_000,
        "{ } | rate()" + " | topk(1)" * 100_000,
        "{ .a = " + "1" * 1_000_000 + " }",
        "{ .a = " + "1" * 100_000 + " }",
        "{ .a = " + "1" * 100_000 + "s }",
        "{ .a = " + "1s" * 50_000 + "x }",
        "/*" * 60_000,
    ],
    ids=lambda query: query[:20],
)
def test_a_hostile_query_is_refused_and_exhausts_nothing(query: str) -> None:
    with pytest.raises(ParseError):
        parse(query)


def test_a_query_as_deep_as_allowed_is_answered_by_every_pass() -> None:
    tree = compile_query("{ " + " && ".join([".a"] * (MAX_DEPTH - 3)) + " }")
    assert parse(print_query(tree)).body is not None


@given(st.text(alphabet='{}()|&<>=!~.,"`abspanrte:15 \n', max_size=40))
def test_any_text_is_a_query_or_a_parse_error_with_a_place_inside_it(text: str) -> None:
    try:
        tree = parse(text)
    except ParseError as refused:
        line, column = refused.line, refused.column
        valid = 1 <= line <= text.count("\n") + 1 and 1 <= column <= len(text) + 1
    else:
        valid = parse(print_query(tree)) == tree
    assert valid


def test_the_documentation_is_made_from_these_cases() -> None:
    assert make_docs.PAGE.read_text() == make_docs.page(), "run python -m tests.nest.traceql.make_docs"

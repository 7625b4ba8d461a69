"""Our grammar beside that of `promql-parser`, on generated queries of the language that both know."""

from __future__ import annotations

import random

import promql_parser
import pytest

from temponest.nest.promql.errors import ParseError, QueryError
from temponest.nest.promql.parse import parse

from .generate import Generator, Vocabulary

WORDS = Vocabulary(
    gauges=["temperature", "queue:length"],
    counters=["requests_total"],
    buckets=["took_bucket"],
    natives=["took"],
    labels={"job": ["a", "b"], "instance": ["x"], "le": ["1"]},
)


def _accepted(query: str) -> bool:
    try:
        parse(query)
    except QueryError:
        return False
    return True


def _accepted_there(query: str) -> bool:
    try:
        promql_parser.parse(query)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize("seed", range(20))
def test_generated_queries_are_accepted_by_both_grammars(seed: int) -> None:
    generator = Generator(seed, WORDS)
    queries = [generator.query() for _ in range(50)]
    assert [query for query in queries if not _accepted(query)] == []
    assert [query for query in queries if not _accepted_there(query)] == []


@pytest.mark.parametrize("seed", range(20))
def test_damaged_queries_are_refused_where_the_other_grammar_refuses_them(seed: int) -> None:
    generator, choices = Generator(seed, WORDS), random.Random(seed)  # noqa: S311 - damage of a test
    for _ in range(50):
        query = generator.query()
        at = choices.randrange(len(query))
        damaged = query[:at] + query[at + 1 :]
        # What the older grammar does not know it refuses, so only that direction can be compared.
        if _accepted_there(damaged):
            assert _accepted(damaged), damaged


@pytest.mark.parametrize(
    ("query", "line", "column", "words"),
    [
        ("sum(", 1, 5, "unexpected end of input"),
        ("foo{bar}", 1, 8, 'unexpected "}" in label matching, expected label matching operator'),
        ("foo{bar=1}", 1, 9, "unexpected number '1' in label matching, expected string"),
        ("foo[]", 1, 5, "expected number, duration, step(), or range()"),
        ("foo[5m] offset", 1, 15, "expected number, duration"),
        ("a +\n  ) b", 2, 3, 'unexpected ")"'),
        ("rate(foo)", 1, 1, "expected type range vector in call to function 'rate', got instant vector"),
        ("nothing(foo)", 1, 1, "unknown function with name 'nothing'"),
        ("1 > 2", 1, 1, "comparisons between scalars must use BOOL modifier"),
        ('foo{a=~"("}', 1, 1, "is no regular expression"),
        ('"open', 1, 1, "unterminated quoted string"),
        ("foo[5x]", 1, 5, "bad number or duration syntax: '5x'"),
        ("1h5h", 1, 1, "not a valid duration string"),
        ("foo offset 5m offset 5m", 1, 1, "offset may not be set multiple times"),
        ("foo @ 1 @ 2", 1, 1, "may not be set multiple times"),
        ("(foo)[5m]", 1, 6, "ranges only allowed for vector selectors"),
        ("sum(foo, 1)", 1, 1, "sum takes 1 argument, got 2"),
        ("topk(foo)", 1, 1, "topk takes 2 arguments, got 1"),
        ("a and on(x) group_left b", 1, 1, "no grouping allowed for 'and' operation"),
        ("foo $ bar", 1, 5, "unexpected character: '$'"),
    ],
)
def test_an_error_says_where_and_what_was_expected(query: str, line: int, column: int, words: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(query)
    assert (caught.value.line, caught.value.column) == (line, column)
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "query", ["(" * 5000 + "1", "-" * 5000 + "1", "+".join(["a"] * 5000), "a[" + "(" * 5000]
)
def test_what_is_nested_too_deep_is_refused(query: str) -> None:
    with pytest.raises(QueryError):
        parse(query)

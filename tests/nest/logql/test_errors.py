"""Texts that are no query, or none that is answered here: each says where and what to do."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temponest.nest.logql import metric
from temponest.nest.logql.engine import parse_log_query
from temponest.nest.logql.errors import LogQLError, ParseError, UnsupportedError
from temponest.nest.logql.tokens import tokenize

S = '{service_name="shop"}'


def parse(text: str) -> object:
    tokens = tokenize(text)
    return metric.parse(text, tokens) if metric.is_metric(tokens) else parse_log_query(text)


@pytest.mark.parametrize(
    ("query", "column", "message"),
    [
        ("", 1, "the query is empty"),
        ("{}", 1, 'name a label, for example {service_name=~".+"}'),
        ("{service_name}", 14, "expected =, !=, =~ or !~"),
        ("{service_name=shop}", 15, "expected a value in quotes"),
        ("{service_name='shop'}", 15, "strings are in double quotes"),
        ('{service_name="shop"', 21, "expected ',' or '}'"),
        ('{service_name="shop}', 15, "string is not closed"),
        ('{service_name=~"("}', 16, "bad regular expression"),
        (S + ' |= error', 26, "expected a text in quotes"),
        (S + ' |~ "["', 26, "bad regular expression"),
        (S + " | jsn", 25, "unknown stage 'jsn', expected json, logfmt"),
        (S + ' | json a="..b"', 32, "no path into JSON"),
        (S + ' | regexp "a"', 32, "names no group"),
        (S + ' | pattern "a"', 33, "captures nothing"),
        (S + ' | pattern "<a><b>"', 33, "touch each other"),
        (S + " | logfmt --loud", 34, "unknown flag --loud"),
        (S + " | took >", 31, "expected a number"),
        (S + " | took > 5xyz", 32, "bad number"),
        (S + " | json error |= 5", 39, "expected a text in quotes"),
        (S + " error", 23, "expected '|' and a stage"),
        (f"count_over_time({S})", 38, "expected a range such as [5m]"),
        (f"count_over_time({S}[5])", 39, "expected a duration such as 5m"),
        (f"count_over_time({S}[0s])", 39, "longer than nothing"),
        (f"sum_over_time({S}[5m])", 1, "add '| unwrap name'"),
        (f"count_over_time({S} | unwrap n [5m])", 1, "counts lines"),
        (f"cuont_over_time({S}[5m])", 1, "unknown name 'cuont_over_time'"),
        (f"sum({S})", 5, "counted by a range aggregation"),
        ("up", 1, "unknown name 'up'"),
    ],
)  # fmt: skip
def test_an_error_says_where_and_what_to_do(query: str, column: int, message: str) -> None:
    with pytest.raises(ParseError) as raised:
        parse(query)
    assert message in str(raised.value)
    assert (raised.value.line, raised.value.column) == (1, column)


@pytest.mark.parametrize(
    ("query", "name"),
    [
        (S + ' |> "<_> error"', "the pattern filter |>"),
        (S + ' |= ip("10.0.0.0/8")', "the filter ip()"),
        (S + ' | addr=ip("10.0.0.0/8")', "the filter ip()"),
        (S + " | distinct a", "distinct"),
        (S + ' | line_format "{{.a | ToUpper}}"', "{{.a | ToUpper}}"),
        (f"quantile_over_time(0.9, {S} | unwrap n [5m])", "quantile_over_time"),
        (f"absent_over_time({S}[5m])", "absent_over_time"),
    ],
)
def test_what_is_not_answered_is_named(query: str, name: str) -> None:
    with pytest.raises(UnsupportedError) as raised:
        parse(query)
    assert name in raised.value.reason
    assert "here" in raised.value.reason


PIECES = [
    S,
    *[
        "|",
        "|=",
        '"a"',
        "json",
        "logfmt",
        "[5m]",
        "(",
        ")",
        "count_over_time",
        "sum",
        "by",
        "a",
        "=",
        "5",
        "unwrap",
        "drop",
        "`",
        "{",
        "}",
        "!=",
        "offset",
    ],
    *["-", "label_format", "or", "and", ",", "5KB", "1h"],
]


@given(st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join))
def test_no_text_at_all_breaks_the_parser(text: str) -> None:
    with contextlib.suppress(LogQLError):
        parse(text)

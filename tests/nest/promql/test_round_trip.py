"""Any expression survives being printed and read again; any text is read, or refused with its place."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from temponest.nest.promql.errors import ParseError, QueryError
from temponest.nest.promql.parse import parse
from temponest.nest.promql.parser import Parser
from temponest.nest.promql.tokens import Kind, tokens, unquoted

from .printed import meaning, printed

_NAMES = st.sampled_from(["up", "job:requests:rate5m", "sum_", "inf_", "offset_", "by_the_way"])
_LABELS = st.sampled_from(["job", "le", "__name__", "on", "offset", '"service.name"', '"é ü"'])
_STRINGS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8).map(
    lambda text: "'" + text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n") + "'"
)
_NUMBERS = st.sampled_from(
    ["0", "1", "0x1F", "1_000", "1e3", ".5", "2.", "Inf", "nan", "5m", "1h30m", "250ms"]
)
_LENGTHS = st.recursive(
    st.sampled_from(["5m", "1h30m", "250ms", "300", "step()", "range()", "1d"]),
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(["+", "*", "^", "-", "/"]), inner).map(" ".join),
        inner.map("({})".format),
        st.tuples(inner, inner).map(lambda both: f"max_of({both[0]}, {both[1]})"),
    ),
    max_leaves=4,
).filter(lambda text: "-" not in text or text[0] != "-")
_MATCHERS = st.lists(
    st.one_of(st.tuples(_LABELS, st.sampled_from(["=", "!=", "=~", "!~"]), _STRINGS).map("".join)), max_size=3
).map(", ".join)
_SELECTORS = st.one_of(_NAMES, st.tuples(_NAMES, _MATCHERS).map(lambda both: f"{both[0]}{{{both[1]}}}"))
_OFFSETS = st.sampled_from(
    ["", " offset 5m", " offset -1h", " @ 1.5", " @ end()", " @ -3 offset 1d", " offset (step() * 2)"]
)
_RANGES = st.tuples(_SELECTORS, _LENGTHS, st.sampled_from(["", " anchored", " smoothed"]), _OFFSETS).map(
    lambda four: f"{four[0]}[{four[1]}]{four[2]}{four[3]}"
)
_GROUPS = st.lists(_LABELS, max_size=2).map(", ".join)
_OPERATORS = ["+", "-", "*", "/", "%", "^", "atan2", "==", "!=", "<", "<=", ">", ">=", "and", "or", "unless"]
_MATCHINGS = st.one_of(
    st.just(""),
    st.just("bool"),
    _GROUPS.map("on ({})".format),
    st.tuples(_GROUPS, _GROUPS).map(lambda both: f"ignoring ({both[0]}) group_left ({both[1]})"),
    _GROUPS.map("on ({}) group_right fill(-1)".format),
    _GROUPS.map("bool on ({}) fill_left(0) fill_right(NaN)".format),
)


def _larger(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        inner.map("({})".format),
        st.tuples(st.sampled_from(["-", "+"]), inner).map("".join),
        st.tuples(inner, st.sampled_from(_OPERATORS), _MATCHINGS, inner).map(" ".join),
        st.tuples(st.sampled_from(["rate", "abs", "vector", "last_over_time"]), inner).map(
            lambda both: f"{both[0]}({both[1]})"
        ),
        st.tuples(inner, inner).map(lambda both: f"histogram_quantile({both[0]}, {both[1]})"),
        st.tuples(_GROUPS, inner).map(lambda both: f"sum without ({both[0]}) ({both[1]})"),
        st.tuples(_GROUPS, inner).map(lambda both: f"Topk(3, {both[1]}) by ({both[0]})"),
        st.tuples(inner, _LENGTHS, _OFFSETS).map(lambda three: f"({three[0]})[{three[1]}:]{three[2]}"),
        st.tuples(inner, _LENGTHS, _LENGTHS).map(lambda three: f"({three[0]})[{three[1]}:{three[2]}]"),
    )


_EXPRESSIONS = st.recursive(
    st.one_of(_NUMBERS, _STRINGS, st.tuples(_SELECTORS, _OFFSETS).map("".join), _RANGES),
    _larger,
    max_leaves=8,
)
_OPTIONAL = {"by", "without", "ignoring", "on", "fill", "fill_left", "fill_right", "inf", "nan"}
_PIECES = [
    *'{}()[],=~!"`:@-+*/^<>#\n ',
    "up",
    "sum",
    "by",
    "(",
    ")",
    "5m",
    "1e",
    "0x",
    "rate(",
    "offset",
    "bool",
    "é",
    "\\",
]


@settings(max_examples=300)
@given(_EXPRESSIONS)
def test_an_expression_printed_and_read_again_means_the_same_and_prints_the_same(query: str) -> None:
    tree = Parser(query).parse()
    text = printed(tree)
    again = Parser(text).parse()
    assert meaning(again) == meaning(tree)
    assert printed(again) == text
    assert _words(text) == _words(query)


@pytest.mark.parametrize(
    ("query", "bracketed"),
    [
        ("a + b * c", "a{} + (b{} * c{})"),
        ("a - b - c", "(a{} - b{}) - c{}"),
        ("a ^ b ^ c", "a{} ^ (b{} ^ c{})"),
        ("-a ^ b", "-(a{} ^ b{})"),
        ("-a * b", "(-a{}) * b{}"),
        ("a % b atan2 c", "(a{} % b{}) atan2 c{}"),
        ("a or b and c unless d == e + f", "a{} or ((b{} and c{}) unless (d{} == (e{} + f{})))"),
        ("a < bool on (x) b > c", "(a{} < bool on (x) b{}) > c{}"),
        ("a[5m] offset 1h", "a{}[300000ms] offset 3600000ms"),
        ("sum(a) by (x) ^ 2", "sum by (x) (a{}) ^ 2.0"),
    ],
)
def test_operators_bind_as_tight_as_prometheus_documents(query: str, bracketed: str) -> None:
    assert printed(Parser(query).parse()).replace("  ", " ") == bracketed


def _words(query: str) -> Counter[str]:
    """The names and strings of a query, but for those that an empty clause adds or leaves out."""
    found = [one for one in tokens(query) if one.kind in {Kind.NAME, Kind.STRING}]
    texts = (unquoted(one, query) if one.kind is Kind.STRING else one.text.lower() for one in found)
    return Counter(text for text in texts if text not in _OPTIONAL)


@settings(max_examples=300)
@given(_EXPRESSIONS)
def test_what_the_types_do_not_allow_is_refused_with_its_place(query: str) -> None:
    _read_or_refused(query)


@given(st.one_of(st.text(max_size=60), st.lists(st.sampled_from(_PIECES), max_size=25).map("".join)))
def test_any_text_is_read_or_refused_with_its_place(query: str) -> None:
    _read_or_refused(query)


def _read_or_refused(query: str) -> None:
    error = _refusal(query)
    if isinstance(error, ParseError):
        lines = query.split("\n")
        assert 1 <= error.line <= len(lines)
        assert 1 <= error.column <= len(lines[error.line - 1]) + 1
        assert error.reason
    elif error is not None:
        # Without a place, because there is nothing to point at.
        assert (str(error), query.strip()) == ("the query is empty", "")


def _refusal(query: str) -> QueryError | None:
    try:
        parse(query)
    except QueryError as error:
        return error
    return None

"""What a query may cost: time, samples, points, and the text itself."""

from __future__ import annotations

from itertools import count

import pytest

from temponest.nest.model.budget import Budget
from temponest.nest.model.source import CancelledError
from temponest.nest.promql import engine
from temponest.nest.promql.engine import Engine
from temponest.nest.promql.errors import QueryError
from temponest.nest.promql.parse import parse

from .memory import Memory

MINUTE = 60_000


def _many(series: int) -> Memory:
    memory = Memory()
    for number in range(series):
        memory.load(MINUTE, (("__name__", "many"), ("number", str(number))), [1.0] * 11)
    return memory


def test_a_query_ends_when_its_time_is_over() -> None:
    with pytest.raises(engine.TimeoutError, match="the query timed out; ask for less"):
        Engine(_many(1)).instant("sum(many)", MINUTE, Budget(0))


@pytest.mark.parametrize("query", ["max_over_time(many[5m])", "changes(many[5m])", "deriv(many[5m])"])
def test_a_query_ends_between_two_series_when_its_client_leaves(query: str) -> None:
    polls = count()
    budget = Budget(abandoned=lambda: next(polls) > 20)
    with pytest.raises(CancelledError):
        Engine(_many(50)).instant(query, 10 * MINUTE, budget)
    assert next(polls) < 50


def test_a_query_that_reads_too_much_is_stopped_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "MAX_SAMPLES", 100)
    with pytest.raises(QueryError, match="reads more than 100 samples; narrow its selectors"):
        Engine(_many(20)).instant("sum(max_over_time(many[10m]))", 10 * MINUTE)


def test_a_range_of_too_many_points_is_refused() -> None:
    with pytest.raises(QueryError, match="exceeded maximum resolution of 11,000 points"):
        Engine(_many(1)).range("many", 0, 11_000_000, 1000)


@pytest.mark.parametrize(
    "text",
    [
        "1" * 99_000 + "x",
        "1_1" * 33_000 + "x",
        "1m" * 49_000 + "x",
        "." + "1" * 99_000 + "e",
        '"' + "\\" * 99_000,
        "a" * 99_000 + "{",
        "{" + 'a="b",' * 16_000,
    ],
    ids=lambda text: text[:4],
)
def test_hostile_text_is_refused_in_linear_time(text: str) -> None:
    # Quadratic time would be hours for these.
    with pytest.raises(QueryError):
        parse(text)

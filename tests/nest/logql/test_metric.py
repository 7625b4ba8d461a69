"""Queries for numbers: what is counted, when, and by which labels."""

from __future__ import annotations

import pytest

from temponest.nest.logql import counting
from temponest.nest.logql.engine import Engine
from temponest.nest.logql.errors import InvalidQueryError, TooLargeError
from temponest.nest.model.budget import Budget
from temponest.nest.promql.engine import Result

from ..store.otlp import EPOCH, SECOND

BY_SERVICE = {
    (("service_name", "auth"),): 1.0,
    (("service_name", "shop"),): 4.0,
    (("service_name", "worker"),): 1.0,
}
ALL = '{service_name=~".+"}'
END = EPOCH + 60 * SECOND


def at(engine: Engine, query: str, time_ns: int = END) -> dict[tuple[tuple[str, str], ...], float]:
    result = engine.instant(query, time_ns, Budget())
    return {tuple(sorted(row.labels.items())): row.numbers[0][1] for row in result.rows}


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        (f"sum(count_over_time({ALL}[2m]))", {(): 6}),
        (f"sum(count_over_time({ALL}[25s]))", {(): 2}),
        (f"sum(count_over_time({ALL}[25s] offset 30s))", {(): 3}),
        (
            f"sum by (service_name) (count_over_time({ALL}[2m]))",
            BY_SERVICE,
        ),
        (
            f"sum(count_over_time({ALL}[2m])) by (service_name)",
            BY_SERVICE,
        ),
        (
            f"sum by (level, detected_level) (count_over_time({ALL} | drop __error__[2m]))",
            {
                (("detected_level", "info"),): 2,
                (("detected_level", "warn"),): 1,
                (("detected_level", "error"),): 1,
                (("detected_level", "debug"), ("level", "debug")): 1,
                (("detected_level", "unknown"),): 1,
            },
        ),
        ('sum(rate({service_name="shop"}[100s]))', {(): 0.04}),
        ('sum(bytes_over_time({service_name="auth"}[2m]))', {(): 16}),
        ('sum(bytes_rate({service_name="auth"}[16m]))', {(): 16 / 960}),
        (
            'sum by (user_name) (count_over_time({service_name="shop"} |= "ann" | json [2m]))',
            {(("user_name", "ann"),): 1},
        ),
        ('count_over_time({service_name="auth"} | keep service_name [2m])', {(("service_name", "auth"),): 1}),
        (
            'sum without (n) (count_over_time({service_name="auth"} | keep service_name, n [2m]))',
            {(("service_name", "auth"),): 1},
        ),
        ('sum_over_time({service_name="auth"} | unwrap n [2m]) by ()', {(): 1}),
        (
            'sum(sum_over_time({service_name="shop"} |= "ann" | json | unwrap duration(took) [2m]))',
            {(): 0.25},
        ),
        ('sum(sum_over_time({service_name="shop"} |= "ann" | json | unwrap bytes(size) [2m]))', {(): 2000}),
        (
            'max_over_time({service_name="shop"} | severity_number>0 | unwrap severity_number [2m]) by ()',
            {(): 13},
        ),
        (
            'min_over_time({service_name="shop"} | severity_number>0 | unwrap severity_number [2m]) by ()',
            {(): 9},
        ),
        (
            'avg_over_time({service_name="shop"} | severity_number>0 | unwrap severity_number [2m]) by ()',
            {(): 11},
        ),
        ("vector(1)+vector(1)", {(): 2}),
        (f"sum(count_over_time({ALL}[2m])) / 2", {(): 3}),
        (f"sum(count_over_time({ALL}[2m])) > 10", {}),
        (
            f"sum(count_over_time({ALL} |= `card` [2m])) / sum(count_over_time({ALL}[2m]))",
            {(): 1 / 6},
        ),
        (f"topk(1, sum by (service_name) (count_over_time({ALL}[2m])))", {(("service_name", "shop"),): 4}),
        (f"count(sum by (service_name) (count_over_time({ALL}[2m])))", {(): 3}),
        (f"max(sum by (service_name) (count_over_time({ALL}[2m])))", {(): 4}),
        ('sum(count_over_time({service_name="nobody"}[2m]))', {}),
    ],
)  # fmt: skip
def test_a_query_counts(engine: Engine, query: str, wanted: dict[tuple[tuple[str, str], ...], float]) -> None:
    assert at(engine, query) == pytest.approx(wanted)


def test_a_line_counts_at_every_step_whose_window_holds_it(engine: Engine) -> None:
    result = engine.range(
        f"sum(count_over_time({ALL}[20s]))", EPOCH, EPOCH + 100 * SECOND, Budget(), step_ns=10 * SECOND
    )
    assert isinstance(result, Result)
    (row,) = result.rows
    counts = {(time_ms - EPOCH // 1_000_000) // 10_000: value for time_ms, value in row.samples}
    # The window is open at its beginning; where it is empty there is no sample.
    assert counts == {0: 1, 1: 2, 2: 2, 3: 2, 4: 2, 5: 2, 6: 1}


def test_a_line_between_two_steps_counts_at_the_second(engine: Engine) -> None:
    start = EPOCH + 5 * SECOND
    result = engine.range(
        f"sum(count_over_time({ALL}[10s]))", start, start + 20 * SECOND, Budget(), step_ns=10 * SECOND
    )
    assert isinstance(result, Result)
    assert [value for row in result.rows for _, value in row.samples] == [1, 1, 1]


@pytest.mark.parametrize(
    "query",
    [
        f"sum by (service_name) (count_over_time({ALL}[2m]))",
        f"sum(count_over_time({ALL}[2m])) by (service_name)",
        f"topk(9, sum by (service_name) (rate({ALL}[2m])))",
    ],
)
def test_a_sum_counts_no_more_series_than_it_asks_for(
    engine: Engine, monkeypatch: pytest.MonkeyPatch, query: str
) -> None:
    monkeypatch.setattr(counting, "MAX_SERIES", 3)
    assert len(at(engine, query)) == 3


def test_a_pipeline_that_fails_is_told_with_the_remedy(engine: Engine) -> None:
    with pytest.raises(InvalidQueryError, match=r"JSONParserErr.*drop __error__"):
        at(engine, 'sum(count_over_time({service_name="shop"} | json [2m]))')


def test_a_number_that_is_none_is_told(engine: Engine) -> None:
    with pytest.raises(InvalidQueryError, match="unwrap detected_level: 'info' is no number"):
        at(engine, 'sum(sum_over_time({service_name="auth"} | unwrap detected_level [2m]))')


def test_too_many_series_are_refused_with_the_remedy(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(counting, "MAX_SERIES", 2)
    with pytest.raises(TooLargeError, match="sum by"):
        at(engine, f"count_over_time({ALL}[2m])")


@pytest.mark.parametrize(
    ("start", "end", "step", "message"),
    [
        (EPOCH, END, 0, "longer than nothing"),
        (END, EPOCH, SECOND, "end lies before"),
        (EPOCH, END, 1_000_000, "11,000 steps"),
    ],
)
def test_steps_that_make_no_sense_are_refused(
    engine: Engine, start: int, end: int, step: int, message: str
) -> None:
    with pytest.raises(InvalidQueryError, match=message):
        engine.range(f"sum(rate({ALL}[1m]))", start, end, Budget(), step_ns=step)

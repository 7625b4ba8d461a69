"""What keeps a query from taking more memory than it may, and what survives its limits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from temponest.nest.traceql import compare, over_time, quantiles
from temponest.nest.traceql.engine import CutOff
from temponest.nest.traceql.errors import InvalidQueryError, TooLargeError
from temponest.nest.traceql.intervals import MAX_INTERVALS, aligned, default_step_ns, instant
from temponest.nest.traceql.metrics import query_series
from temponest.nest.traceql.quantiles import Quantiles
from tests.nest.make import SECOND, T0, span
from tests.nest.memory_source import MemorySource

HOUR = aligned(T0 - T0 % SECOND, T0 - T0 % SECOND + 3600 * SECOND, 60 * SECOND)


def _many(count: int) -> MemorySource:
    spans = [span(number, 1, at=number, attributes={"id": number}) for number in range(1, count + 1)]
    return MemorySource(spans, batch=1000)


def test_too_many_points_are_refused_with_a_remedy() -> None:
    with pytest.raises(InvalidQueryError, match="longer step"):
        aligned(0, (MAX_INTERVALS + 1) * SECOND, SECOND)


def test_an_empty_window_is_refused() -> None:
    for window in ((5, 5), (5, 4)):
        with pytest.raises(InvalidQueryError, match="after its start"):
            instant(*window)


@pytest.mark.parametrize(
    ("length", "step"),
    [(10, 0.05), (59, 0.2), (60, 1), (3600, 15), (6 * 3600, 60), (86_400, 300), (30 * 86_400, 10_800)],
)
def test_the_step_nobody_asked_for_gives_some_240_points(length: int, step: float) -> None:
    assert default_step_ns(0, length * SECOND) == step * SECOND


def test_series_beyond_memory_are_refused_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(over_time, "MAX_POINTS", 10 * HOUR.count)
    with pytest.raises(TooLargeError, match="group by fewer"):
        query_series(_many(11), "{ } | rate() by (span.id)", HOUR)


def test_comparisons_beyond_memory_are_refused_with_a_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compare, "MAX_COUNTS", 100)
    with pytest.raises(TooLargeError, match="longer step"):
        query_series(_many(3), "{ } | compare({ span.id = 1 })", HOUR)


def test_values_beyond_the_limit_are_counted_together_and_said_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compare, "MAX_VALUES", 2)
    result = query_series(_many(5), "{ } | compare({ span.id = 1 }, 10)", HOUR)
    about = [one for one in result.series if one.labels[1][0] == "span.id"]
    assert ("__meta_error", "__too_many_values__") in [one.labels[0] for one in about]
    totals = [one.values.sum() for one in about if str(one.labels[0][1]).endswith("_total")]
    assert sum(totals) == 5


def test_the_largest_series_stay_when_there_are_too_many_to_return() -> None:
    spans = [span(n, 1, name=f"op{n % 5}") for n in range(1, 10)]
    result = query_series(MemorySource(spans), "{ } | count_over_time() by (name)", HOUR, max_series=4)
    assert len(result.series) == 4
    assert "op0" not in str([one.labels for one in result.series])
    assert result.cut_off is CutOff.LIMIT


def test_quantiles_of_many_values_stay_within_a_quarter_of_a_percent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantiles, "MAX_EXACT", 1_000)
    values = np.random.default_rng(1).exponential(1e7, 50_000)
    groups = np.arange(50_000) % 3
    collected = Quantiles()
    for low in range(0, 50_000, 700):
        collected.add(groups[low : low + 700], values[low : low + 700])
    assert len(collected) < 20_000
    for quantile, found in zip((0.1, 0.5, 0.99), collected.of((0.1, 0.5, 0.99), 3), strict=True):
        for group in range(3):
            own = np.sort(values[groups == group])
            exact = own[math.ceil(quantile * len(own)) - 1]
            assert found[group] == pytest.approx(exact, rel=0.0026)


def test_quantiles_of_signs_and_zero_survive_the_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quantiles, "MAX_EXACT", 2)
    collected = Quantiles()
    collected.add(np.zeros(5, np.int64), np.array([-10.0, -1.0, 0.0, 1.0, 10.0]))
    low, middle, high = collected.of((0, 0.5, 1), 2)
    assert (low[0], middle[0], high[0]) == pytest.approx((-10, 0, 10), rel=0.0026)
    assert np.isnan(low[1])

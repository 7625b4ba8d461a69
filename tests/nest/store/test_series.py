from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temponest.nest.model.series import Exemplar, Histogram, Labels, Matcher, MatchOperator, Metadata
from temponest.nest.model.source import CancelledError, TooManySamplesError
from temponest.nest.store.series import store as series_store
from temponest.nest.store.series.store import SeriesStore

UP: Labels = (("__name__", "up"), ("job", "shop"))
DOWN: Labels = (("__name__", "down"), ("job", "shop"))
EVERYTHING = (0, 10**13)


def open_store(folder: Path, disk_bytes: int = 10**9, retention_seconds: float = 0) -> SeriesStore:
    return SeriesStore(folder / "series", disk_bytes=disk_bytes, retention_seconds=retention_seconds)


def values(
    store: SeriesStore, labels: Labels, start_ms: int = 0, end_ms: int = 10**13
) -> list[tuple[int, float]]:
    matchers = [Matcher(name, MatchOperator.EQ, value) for name, value in labels]
    found = store.select(matchers, start_ms, end_ms, lambda: False)
    return [pair for series in found for pair in zip(series.times, series.values, strict=True)]


def test_samples_are_found_from_memory_segments_and_both(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add(UP, 1000, 1.0)
    assert values(store, UP) == [(1000, 1.0)]
    store.seal()
    assert values(store, UP) == [(1000, 1.0)]
    store.add(UP, 2000, 2.0)
    assert values(store, UP) == [(1000, 1.0), (2000, 2.0)]


def test_a_window_is_closed_on_both_sides(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for time_ms in (1, 2, 3, 4):
        store.add(UP, time_ms, time_ms)
    store.seal()
    store.add(UP, 5, 5)
    assert [time_ms for time_ms, _ in values(store, UP, 2, 5)] == [2, 3, 4, 5]


def test_samples_come_in_order_of_time_however_they_arrived(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add(UP, 3, 3)
    store.add(UP, 1, 1)
    store.seal()
    store.add(UP, 2, 2)
    store.add(UP, 3, 30)
    assert values(store, UP) == [(1, 1), (2, 2), (3, 30)]


def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    exemplar = Exemplar(UP, (("trace_id", "ab"),), 0.5, 1000)
    histogram = Histogram(3, 1.5, 2, 0.0, 1, {1: 1, 4: 1}, {-2: 1}, (), "gauge")
    store.add(UP, 1000, 1.0)
    store.add_histogram(DOWN, 1000, histogram)
    store.add_exemplar(exemplar)
    store.describe("up", Metadata("gauge", "help", "s"))
    store.took("metrics", 7)
    store.seal()
    again = open_store(tmp_path)
    assert again.covered("metrics") == 7
    assert values(again, UP) == [(1000, 1.0)]
    assert again.select([Matcher("__name__", MatchOperator.EQ, "down")], *EVERYTHING, lambda: False)[
        0
    ].histograms == [histogram]
    assert again.exemplars([], *EVERYTHING, lambda: False) == [exemplar]
    assert again.metadata() == {"up": Metadata("gauge", "help", "s")}


def test_a_series_may_be_a_number_between_native_histograms(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    first, last = Histogram(1, 1, -53, 0, 0, {0: 1}, custom=(0.5, 1.0)), Histogram(2, 2, 0, 0, 0, {1: 2})
    store.add(DOWN, 1000, 7.0)
    store.add_histogram(DOWN, 2000, first)
    store.add(DOWN, 3000, 8.0)
    store.add_histogram(DOWN, 4000, last)
    store.seal()
    store.add(DOWN, 5000, 9.0)
    (found,) = store.select([Matcher("__name__", MatchOperator.EQ, "down")], *EVERYTHING, lambda: False)
    assert found.histograms == [None, first, None, last, None]
    assert list(found.values) == [7.0, 1.0, 8.0, 2.0, 9.0]


def test_what_was_not_sealed_is_not_covered(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.took("metrics", 7)
    store.persist()
    assert store.covered("metrics") == 0


def test_a_stale_marker_keeps_its_bits(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.end(UP, 1000)
    store.seal()
    ((_, value),) = values(open_store(tmp_path), UP)
    assert math.isnan(value)
    assert struct.pack("<d", value) == struct.pack("<Q", 0x7FF0000000000002)


@pytest.mark.parametrize(
    ("operator", "value", "found"),
    [
        (MatchOperator.EQ, "shop", [DOWN, UP]),
        (MatchOperator.NE, "shop", []),
        (MatchOperator.MATCH, "sh.p", [DOWN, UP]),
        (MatchOperator.MATCH, "sh", []),
        (MatchOperator.NOT_MATCH, "sh.*", []),
        (MatchOperator.MATCH, "", []),
    ],
)
@pytest.mark.parametrize("sealed", [False, True])
def test_matchers_are_anchored(
    tmp_path: Path, operator: MatchOperator, value: str, found: list[Labels], sealed: bool
) -> None:
    store = open_store(tmp_path)
    store.add(UP, 1, 1)
    store.add(DOWN, 1, 1)
    if sealed:
        store.seal()
    assert store.series([Matcher("job", operator, value)], *EVERYTHING, lambda: False) == found


def test_a_missing_label_equals_the_empty_string(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add(UP, 1, 1)
    assert store.series([Matcher("zone", MatchOperator.EQ, "")], *EVERYTHING, lambda: False) == [UP]


def test_many_segments_are_joined_and_lose_nothing(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for time_ms in range(60):
        store.add(UP, time_ms, time_ms)
        store.seal()
    assert len(list((tmp_path / "series").glob("*.parquet"))) == series_store._SEGMENTS
    assert [time_ms for time_ms, _ in values(open_store(tmp_path), UP)] == list(range(60))


def test_old_segments_are_dropped_whole(tmp_path: Path) -> None:
    store = open_store(tmp_path, retention_seconds=3600)
    store.add(UP, 1000, 1.0)
    store.seal()
    assert values(store, UP) == []


def test_the_oldest_segment_makes_room(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add(UP, 1000, 1.0)
    store.seal()
    small = open_store(tmp_path, disk_bytes=store.disk_bytes)
    small.add(UP, 2000, 2.0)
    small.seal()
    assert values(small, UP) == [(2000, 2.0)]


def test_a_damaged_segment_is_left_out_and_the_others_stay(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for time_ms in (1, 2):
        store.add(UP, time_ms, time_ms)
        store.seal()
    first, _ = sorted((tmp_path / "series").glob("*.parquet"))
    first.write_bytes(b"damaged")
    assert values(open_store(tmp_path), UP) == [(2, 2)]


def test_a_file_that_the_catalog_does_not_name_is_removed(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add(UP, 1, 1)
    store.seal()
    stray = tmp_path / "series" / "99999999.parquet"
    stray.write_bytes(b"half")
    open_store(tmp_path)
    assert not stray.exists()


def test_an_exemplar_that_is_sent_again_is_kept_once(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for _ in range(3):
        store.add_exemplar(Exemplar(UP, (("trace_id", "ab"),), 0.5, 1000))
    assert len(store.exemplars([], *EVERYTHING, lambda: False)) == 1


def test_a_cancelled_question_stops(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    store.add(UP, 1, 1)
    store.seal()
    with pytest.raises(CancelledError):
        store.select([], *EVERYTHING, lambda: True)
    with pytest.raises(CancelledError):
        store.series([], *EVERYTHING, lambda: True)
    store.add_exemplar(Exemplar(UP, (), 0.5, 1000))
    with pytest.raises(CancelledError):
        store.exemplars([], *EVERYTHING, lambda: True)


def test_reading_stops_soon_after_there_are_more_samples_than_wanted(tmp_path: Path) -> None:
    store = open_store(tmp_path)
    for time_ms in range(10):
        store.add(UP, time_ms, time_ms)
        store.seal()
    assert len(store.select([], *EVERYTHING, lambda: False, 10)[0].times) == 10
    with pytest.raises(TooManySamplesError):
        store.select([], *EVERYTHING, lambda: False, 9)


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 20), st.floats(allow_nan=False), st.sampled_from(["add", "seal", "reopen"])),
        max_size=30,
    )
)
def test_any_order_of_adding_sealing_and_reopening_keeps_the_newest_value_of_each_time(
    tmp_path_factory: pytest.TempPathFactory, steps: Sequence[tuple[int, float, str]]
) -> None:
    folder = tmp_path_factory.mktemp("series")
    store = open_store(folder)
    expected: dict[int, float] = {}
    for time_ms, value, step in steps:
        store.add(UP, time_ms, value)
        expected[time_ms] = value
        if step != "add":
            store.seal()
        if step == "reopen":
            store = open_store(folder)
    assert values(store, UP) == sorted(expected.items())

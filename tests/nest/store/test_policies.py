"""What is merged and what is dropped, as tables of segments."""

from __future__ import annotations

from temponest.nest.model.signal import Signal
from temponest.nest.store.catalog import Entry
from temponest.nest.store.limits import Limits
from temponest.nest.store.merge_policy import groups
from temponest.nest.store.retention import too_many, too_old

LIMITS = Limits(seal_spans=1000)
SECOND = 1_000_000_000


def entries(*described: tuple[int, str]) -> list[Entry]:
    """Segments by rows (a byte each) and owner, sealed a second apart."""
    return [
        Entry(name=f"{number:08d}", rows=rows, bytes=rows, owner=owner, sealed_ns=number * SECOND)
        for number, (rows, owner) in enumerate(described, 1)
    ]


def names(found: list[Entry]) -> list[int]:
    return [int(entry.name) for entry in found]


def test_four_small_neighbours_become_one() -> None:
    assert [names(group) for group in groups(entries(*[(10, "")] * 4), LIMITS)] == [[1, 2, 3, 4]]


def test_three_small_ones_wait_for_a_fourth() -> None:
    assert groups(entries(*[(10, "")] * 3), LIMITS) == []


def test_large_segments_are_left_alone_and_part_the_small_ones() -> None:
    small, large = (10, ""), (900, "")
    assert groups(entries(small, small, large, small, small), LIMITS) == []


def test_segments_of_different_owners_stay_apart() -> None:
    found = groups(entries(*[(10, ""), (10, "noisy")] * 4), LIMITS)
    assert [names(group) for group in found] == [[1, 3, 5, 7], [2, 4, 6, 8]]


def test_a_group_is_no_larger_than_a_segment() -> None:
    found = groups(entries(*[(240, "")] * 9), LIMITS)
    assert [sum(entry.rows for entry in group) for group in found] == [960, 960]


def test_a_segment_is_too_old_by_when_it_was_sealed() -> None:
    assert names(too_old(entries((1, ""), (1, ""), (1, "")), 13 * SECOND, 11)) == [1]


def test_nothing_is_too_old_without_a_limit() -> None:
    assert too_old(entries((1, "")), 10**19, 0) == []


def test_a_clock_set_back_makes_nothing_too_old() -> None:
    assert too_old(entries((1, ""), (1, "")), -(10**19), 1) == []


def test_the_oldest_go_first_until_the_rest_fits() -> None:
    assert names(too_many(entries((5, ""), (5, ""), (5, "")), 10)) == [1]


def test_nothing_goes_when_all_fits() -> None:
    assert too_many(entries((5, ""), (5, "")), 10) == []


def test_a_noisy_service_evicts_itself_and_nobody_else() -> None:
    quiet_then_noise = entries((5, ""), *[(10, "noisy")] * 6)
    assert names(too_many(quiet_then_noise, 25)) == [2, 3, 4, 5]


def test_two_noisy_services_end_with_equal_shares() -> None:
    kept = entries(*[(10, "a")] * 6, *[(10, "b")] * 2)
    gone = names(too_many(kept, 40))
    assert gone == [1, 2, 3, 4]


def of_signals(rows: int, *signals: Signal) -> list[Entry]:
    described = entries(*[(rows, "shop")] * len(signals))
    return [entry.replaced(signal=signal) for entry, signal in zip(described, signals, strict=True)]


def test_many_log_records_evict_log_records_and_no_spans() -> None:
    kept = of_signals(10, Signal.TRACES, Signal.TRACES, *[Signal.LOGS] * 4)
    assert names(too_many(kept, 40)) == [3, 4]


def test_spans_and_log_records_are_never_merged() -> None:
    found = groups(of_signals(10, *[Signal.TRACES, Signal.LOGS] * 4), LIMITS)
    assert [names(group) for group in found] == [[1, 3, 5, 7], [2, 4, 6, 8]]

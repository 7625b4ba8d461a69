from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from temponest.client.tempo import Tempo, TraceSummary
from temponest.files import find
from temponest.files.find import Found

SECOND = 1_000_000_000


class Paged(Tempo):
    """Answers as Tempo does: the newest traces with a span in the window, no more than the limit."""

    def __init__(self, traces: list[tuple[int, int]]) -> None:
        self.traces = traces

    def search(
        self, query: str, *, limit: int = 20, start: int | None = None, end: int | None = None
    ) -> list[TraceSummary]:
        assert query == "{}"
        assert start is not None
        assert end is not None
        found = [
            TraceSummary(f"{number:032x}", "", "", begin, took // 1_000_000)
            for number, (begin, took) in enumerate(self.traces)
            # Spans at both ends of the trace, none between.
            if any(start * SECOND <= moment < end * SECOND for moment in (begin, begin + took))
        ]
        return sorted(found, key=lambda one: -one.start_ns)[:limit]


@given(st.lists(st.tuples(st.integers(0, 60 * SECOND - 1), st.integers(0, 20 * SECOND)), max_size=60))
def test_every_trace_is_found_once_however_small_a_page_is(traces: list[tuple[int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(find, "PAGE", 4)
        found = Found(Paged(traces), "{}", 0, 60)
        ids = [one for group in found for one in group]
    assert sorted(ids) == [f"{number:032x}" for number in range(len(traces))]
    assert found.crowded == []


def test_a_second_that_holds_more_than_a_search_finds_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(find, "PAGE", 4)
    monkeypatch.setattr(find, "MOST_IN_A_SECOND", 8)
    found = Found(Paged([(5 * SECOND, 0)] * 9 + [(7 * SECOND, 0)]), "{}", 0, 60)
    assert len([one for group in found for one in group]) == 9
    assert found.crowded == [5]

from __future__ import annotations

from typing import Any

import pytest

from temponest.client.trace import parse
from temponest.mcp.critical_path import critical_path


def _path(*spans: tuple[str, str, int, int]) -> list[tuple[str, int, int]]:
    """The path of spans given as (name, parent, start, end)."""
    items: list[dict[str, Any]] = [
        {
            "spanId": name.encode().hex().rjust(16, "0"),
            "parentSpanId": parent.encode().hex().rjust(16, "0") if parent else "",
            "name": name,
            "startTimeUnixNano": str(start),
            "endTimeUnixNano": str(end),
        }
        for name, parent, start, end in spans
    ]
    trace = parse({"trace": {"resourceSpans": [{"scopeSpans": [{"spans": items}]}]}})
    return [(one.span.name, one.start_ns, one.end_ns) for one in critical_path(trace)]


@pytest.mark.parametrize(
    ("spans", "path"),
    [
        pytest.param([("r", "", 0, 10)], [("r", 0, 10)], id="alone"),
        pytest.param(
            [("r", "", 0, 10), ("a", "r", 2, 5)],
            [("r", 0, 2), ("a", 2, 5), ("r", 5, 10)],
            id="one child",
        ),
        pytest.param(
            [("r", "", 0, 10), ("a", "r", 1, 4), ("b", "r", 1, 9)],
            [("r", 0, 1), ("b", 1, 9), ("r", 9, 10)],
            id="the slower of two side by side",
        ),
        pytest.param(
            [("r", "", 0, 10), ("a", "r", 0, 6), ("b", "r", 4, 10)],
            [("a", 0, 4), ("b", 4, 10)],
            id="one overlapping the other",
        ),
        pytest.param(
            [("r", "", 0, 10), ("a", "r", 2, 8), ("b", "a", 3, 7)],
            [("r", 0, 2), ("a", 2, 3), ("b", 3, 7), ("a", 7, 8), ("r", 8, 10)],
            id="a grandchild",
        ),
        pytest.param(
            [("r", "", 0, 10), ("a", "r", 5, 30)], [("r", 0, 5), ("a", 5, 10)], id="a child in the background"
        ),
        pytest.param([("r", "", 0, 10), ("a", "r", 12, 30)], [("r", 0, 10)], id="a child after the end"),
        pytest.param(
            [("r", "", 5, 10), ("a", "r", 3, 8)], [("a", 3, 8), ("r", 8, 10)], id="a child too early"
        ),
    ],
)
def test_the_path_is_what_the_end_waited_for(
    spans: list[tuple[str, str, int, int]], path: list[tuple[str, int, int]]
) -> None:
    assert _path(*spans) == path


def test_a_path_of_many_spans_in_a_row_is_found_without_recursion() -> None:
    spans = [("0", "", 0, 100_000), *((str(n), str(n - 1), n, 100_000 - n) for n in range(1, 3_000))]
    assert len(_path(*spans)) == 2 * 2_999 + 1

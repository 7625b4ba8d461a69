from __future__ import annotations

import pytest
from rich.cells import cell_len
from rich.console import Console

from temponest.client.difference import compare
from temponest.terminal.comparison import comparison
from tests.client.test_difference import trace


def draw(a: str, b: str, width: int = 80) -> list[str]:
    first, second = trace(a), trace(b)
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(comparison(compare(first, second), first, second, ("aa", "bb"), width))
    return [line.rstrip() for line in capture.get().splitlines()]


def test_each_line_has_a_sign_both_times_and_the_change() -> None:
    lines = draw("a x 10/  b y 5/  b z 5", "a x 30/  b z 5/  b w 1")
    assert lines[:2] == ["A  aa  3 spans in 10.0 ms", "B  bb  3 spans in 30.0 ms"]
    assert [line.split() for line in lines[4:8]] == [
        ["▲", "a", "x", "10.0", "ms", "30.0", "ms", "+20.0", "ms"],
        ["-", "b", "y", "5.00", "ms"],
        ["b", "z", "5.00", "ms", "5.00", "ms"],
        ["+", "b", "w", "1.00", "ms"],
    ]
    assert lines[-1] == "1 slower, 1 added, 1 removed"


def test_repeated_spans_are_counted() -> None:
    assert "y  x1 → x3" in draw("a x 9/  a y 1", "a x 9/  a y 1/  a y 1/  a y 1")[5]


def test_no_difference_is_a_sentence() -> None:
    assert draw("a x 10", "a x 10")[-1].startswith("No difference")


@pytest.mark.parametrize("width", [40, 60, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    name = "名前" * 30
    lines = draw(f"a {name} 10/  b y 5", f"a {name} 99/  b y 5", width)
    assert max(map(cell_len, lines)) <= width
    assert len(lines) == 8

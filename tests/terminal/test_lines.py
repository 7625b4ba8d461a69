"""What is drawn fits the terminal, and ends where its text ends."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from rich.cells import cell_len
from rich.console import Console, RenderableType
from rich.text import Text

from temponest.client.difference import compare
from temponest.client.trace import Span, Trace
from temponest.terminal.comparison import comparison
from temponest.terminal.table import table
from temponest.terminal.waterfall import waterfall
from tests.client.test_difference import trace

TRACE_ID = "ab" * 16
LONG = "POST /api/v1/organisations/{organisation_id}/projects/{project_id}/名前"


def _span(name: str, service: str, *children: Span) -> Span:
    for child in children:
        child.parent_id = name
    return Span(name, "", name, service, "internal", "unset", "", 0, 9_000_000, {}, children=list(children))


def _waterfall(width: int) -> RenderableType:
    child = _span("query", "temponest-auth")
    root = _span(LONG, "temponest-agents", child)
    return waterfall(Trace([root, child], [root]), TRACE_ID, width)


def _comparison(width: int) -> RenderableType:
    name = LONG.replace(" ", "-").replace("/", "-")
    first, second = trace(f"a {name} 10/  b y 5"), trace(f"a {name} 99/  b y 5")
    return comparison(compare(first, second), first, second, (TRACE_ID, TRACE_ID), width)


def _table(width: int) -> RenderableType:
    del width
    rows = [(TRACE_ID, "temponest-agents", Text(LONG, "red")), (TRACE_ID, "", Text(""))]
    return table(("!trace", ">service", "name"), rows)


def _wrapped(width: int) -> RenderableType:
    del width
    return table(("series", ">now"), [(f"route={LONG}, " * 3, "1"), ("", "2")], wrap=True)


@pytest.mark.parametrize("colours", [None, "standard"])
@pytest.mark.parametrize("width", [60, 80, 120, 160])
@pytest.mark.parametrize("draw", [_waterfall, _comparison, _table, _wrapped])
def test_no_line_is_wider_than_the_terminal_and_none_ends_in_blanks(
    draw: Callable[[int], RenderableType], width: int, colours: str | None
) -> None:
    console = Console(width=width, color_system=colours, force_terminal=colours is not None)  # type: ignore[arg-type] # a literal of Rich's
    with console.capture() as capture:
        console.print(draw(width))
    lines = re.sub(r"\x1b\[[0-9;]*m", "", capture.get()).splitlines()
    assert len(lines) > 2
    assert [line for line in lines if cell_len(line) > width or line != line.rstrip()] == []


@pytest.mark.parametrize(("width", "lines"), [(80, 2), (120, 1)])
def test_a_heading_that_does_not_fit_has_a_line_for_the_id_alone(width: int, lines: int) -> None:
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(_waterfall(width))
    said = f"Trace {TRACE_ID}", "2 spans over temponest-agents, temponest-auth in 9.00 ms"
    assert capture.get().splitlines()[:lines] == (list(said) if lines == 2 else ["  ".join(said)])

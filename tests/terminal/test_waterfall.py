from __future__ import annotations

import re

import pytest
from rich.console import Console

from temponest.client.trace import Event, Span, Trace
from temponest.terminal.waterfall import duration, waterfall, whole_milliseconds


def span(name: str, start_ns: int, end_ns: int, *children: Span, status: str = "unset") -> Span:
    for child in children:
        child.parent_id = name
    return Span(name, "", name, "shop", "internal", status, "", start_ns, end_ns, {}, children=list(children))


def draw(root: Span, *rest: Span) -> list[str]:
    console = Console(width=80, color_system=None)
    with console.capture() as capture:
        console.print(waterfall(Trace([root, *rest], [root]), "ab" * 16))
    return [line.rstrip() for line in capture.get().splitlines()]


def test_a_trace_is_drawn_as_a_tree_beside_its_time_line() -> None:
    grandchild = span("query", 250, 500)
    child, sibling = span("work", 250, 750, grandchild), span("answer", 750, 1000)
    lines = draw(span("request", 0, 1000, child, sibling), child, sibling, grandchild)
    assert lines[0] == f"Trace {'ab' * 16}  4 spans over shop in 1.00 µs"
    assert [re.split(" {2,}| █", line)[0] for line in lines[1:]] == [
        "shop request",
        "├ work",
        "│ └ query",
        "└ answer",
    ]
    # A quarter of 20 columns before it, half of them filled.
    assert " " * 5 + "█" * 10 + " " in lines[2]


def test_an_error_is_marked_with_its_message_on_one_line() -> None:
    failed = span("request", 0, 10, status="error")
    failed.status_message = "no\n  answer"
    assert "✗ no answer" in draw(failed)[1]


def test_an_error_without_a_message_is_marked_with_its_exception_or_its_type() -> None:
    failed = span("request", 0, 10, status="error")
    assert "✗ error" in draw(failed)[1]
    failed.attributes = {"error.type": "500"}
    assert "✗ 500" in draw(failed)[1]
    failed.events = [Event(5, "exception", {"exception.type": "ValueError", "exception.message": "too long"})]
    assert "✗ ValueError: too long" in draw(failed)[1]


def test_markup_in_a_name_is_text() -> None:
    assert "[red]name[/red]" in draw(span("[red]name[/red]", 0, 10))[1]


@pytest.mark.parametrize(
    ("nanoseconds", "text"),
    [
        (0, "0 ns"),
        (870, "870 ns"),
        (1_500, "1.50 µs"),
        (12_345, "12.3 µs"),
        (4_560_000, "4.56 ms"),
        (1.2e9, "1.20 s"),
    ],
)
def test_durations_have_three_digits_and_a_unit(nanoseconds: float, text: str) -> None:
    assert duration(nanoseconds) == text


@pytest.mark.parametrize(("milliseconds", "text"), [(0, "<1 ms"), (43, "43 ms"), (1200, "1.20 s")])
def test_a_duration_in_whole_milliseconds_shows_no_digits_that_are_not_known(
    milliseconds: int, text: str
) -> None:
    assert whole_milliseconds(milliseconds) == text


def test_a_client_span_says_what_it_speaks_to() -> None:
    query = span("GET", 0, 10)
    query.kind, query.attributes = "client", {"db.system.name": "redis", "server.address": "127.0.0.1"}
    assert "GET  redis" in draw(query)[1]


@pytest.mark.parametrize("width", [60, 80, 200])
def test_a_duration_is_never_cut(width: int) -> None:
    long = span("a name that is far too long for any terminal " * 5, 0, 999_900_000)
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(waterfall(Trace([long], [long]), "ab" * 16, width))
    assert capture.get().splitlines()[-1].endswith(" 999.9 ms")

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from temponest.terminal.meters import Meter, meters


def lines(rows: Sequence[Meter], width: int = 80) -> list[str]:
    console = Console(width=width, force_terminal=False)
    with console.capture() as capture:
        console.print(meters(rows))
    return capture.get().splitlines()


def test_values_stand_in_a_column_beside_their_names() -> None:
    assert lines([Meter("spans", "1,200/s"), Meter("requests", "3/s")]) == [
        "spans     1,200/s",
        "requests      3/s",
    ]


def test_a_history_is_bars_from_zero_up() -> None:
    assert lines([Meter("spans", "4/s", history=[0, 2, 4])]) == ["spans  4/s  ▁▅█"]


def test_nothing_is_drawn_of_a_history_in_which_nothing_happened() -> None:
    assert lines([Meter("spans", "0/s", history=[0, 0, 0])]) == ["spans  0/s"]


def test_a_share_of_a_limit_is_a_bar_that_ends_at_the_limit() -> None:
    assert lines([Meter("queue", "1 of 2", share=0.5), Meter("disk", "3 of 2", share=1.5)]) == [
        "queue  1 of 2  " + "█" * 15 + "░" * 15,
        "disk   3 of 2  " + "█" * 30,
    ]


def test_a_long_note_is_cut_and_no_value_is() -> None:
    note = "the body is no OTLP traces request in JSON: " + "x" * 200
    (line,) = lines([Meter("refused", "12", note=note, wrong=True)], width=40)
    assert line.startswith("refused  12  the body is no OTLP")
    assert line.endswith("…")
    assert len(line) == 40

"""Two traces as one tree, with what changed from the first to the second."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from temponest.client.difference import Change, Line
from temponest.client.trace import Trace

from .trimmed import Trimmed
from .waterfall import DURATION_WIDTH, duration

# A sign beside the colour, for whoever sees no colours.
LOOKS: dict[Change, tuple[str, str]] = {
    "same": (" ", "dim"),
    "slower": ("▲", "red"),
    "faster": ("▼", "green"),
    "added": ("+", "yellow"),
    "removed": ("-", "magenta"),
}


def comparison(
    lines: Sequence[Line], a: Trace, b: Trace, ids: tuple[str, str], width: int = 80
) -> RenderableType:
    """A header for each trace, the tree, and a sentence that counts the changes.

    Args:
        lines: as `compare(a, b)` gives them.
        a: the first trace.
        b: the second trace.
        ids: of both, for the headers.
        width: columns of the terminal.
    """
    table = Table.grid(padding=(0, 1), pad_edge=False)
    table.add_column(no_wrap=True, width=1)
    table.add_column(
        no_wrap=True, overflow="ellipsis", max_width=max(16, width - 3 * (DURATION_WIDTH + 2) - 3)
    )
    for _ in range(3):
        table.add_column(no_wrap=True, justify="right", width=DURATION_WIDTH + 1)
    table.add_row("", "", *(Text(title, "bold") for title in ("A", "B", "change")))
    above: list[str] = []
    for line in lines:
        sign, colour = LOOKS[line.change]
        del above[max(0, line.depth) :]
        service = "" if above and above[-1] == line.service else f"{line.service} "
        above += [line.service] * (line.depth + 1 - len(above))
        label = Text.assemble("  " * line.depth, (service, "cyan"), line.name, (_counts(line), "dim"))
        label.stylize(colour if line.change != "same" else "")
        table.add_row(Text(sign, colour), label, *_times(line, colour))
    headers = (_header(*one) for one in zip("AB", ids, (a, b), strict=True))
    return Trimmed(Group(*headers, Text(), table, Text(), Text(_said(lines))))


def _header(side: str, trace_id: str, trace: Trace) -> Text:
    count = len(trace.spans)
    took = duration(trace.end_ns - trace.start_ns)
    return Text.assemble((f"{side}  ", "bold"), f"{trace_id}  {count} span{'s' * (count != 1)} in {took}")


def _counts(line: Line) -> str:
    if line.count_a == line.count_b:
        return f"  x{line.count_a}" if line.count_a > 1 else ""
    if not line.count_a or not line.count_b:
        count = line.count_a or line.count_b
        return f"  x{count}" if count > 1 else ""
    return f"  x{line.count_a} → x{line.count_b}"


def _times(line: Line, colour: str) -> Iterator[Text]:
    yield Text(duration(line.total_a_ns) if line.count_a else "")
    yield Text(duration(line.total_b_ns) if line.count_b else "")
    difference = line.total_b_ns - line.total_a_ns
    changed = line.change in {"slower", "faster"}
    yield Text(f"{'+' if difference > 0 else '-'}{duration(abs(difference))}" if changed else "", colour)


def _said(lines: Sequence[Line]) -> str:
    counts = {change: sum(line.change == change for line in lines) for change in LOOKS if change != "same"}
    said = ", ".join(f"{count} {change}" for change, count in counts.items() if count)
    return said or "No difference: same spans, durations within 20 % or 1 ms."

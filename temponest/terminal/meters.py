"""Rates and levels that are drawn again and again in the same place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from .sparkline import sparkline
from .trimmed import Trimmed

BAR_WIDTH = 30
# From this share of a limit on it is worth a look.
NEARLY = 0.9


@dataclass(frozen=True, slots=True)
class Meter:
    """A name, a value as text, and a picture of it.

    Attributes:
        name: what is measured.
        value: with its unit, ready to be read.
        history: values of the last moments, the newest at the end, for a line of bars.
        share: of a limit, from 0 to 1, for a bar.
        note: words in place of a picture.
        wrong: drawn in red.
    """

    name: str
    value: str
    history: Sequence[float] = ()
    share: float | None = None
    note: str = ""
    wrong: bool = False


def meters(rows: Sequence[Meter]) -> Trimmed:
    """A line for each meter, all cut to the width of the terminal."""
    grid = Table.grid(padding=(0, 2), pad_edge=False, expand=True)
    grid.add_column(no_wrap=True)
    grid.add_column(no_wrap=True, justify="right")
    # A long note gives way, never a value.
    grid.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
    for row in rows:
        colour = "red" if row.wrong else ""
        grid.add_row(Text(row.name, "bold"), Text(row.value, colour), _picture(row))
    return Trimmed(grid)


def _picture(row: Meter) -> Text:
    if row.share is not None:
        full = min(BAR_WIDTH, round(row.share * BAR_WIDTH))
        return Text.assemble(
            ("█" * full, "yellow" if row.share >= NEARLY else "cyan"), ("░" * (BAR_WIDTH - full), "dim")
        )
    if any(row.history):
        return Text(sparkline(row.history, BAR_WIDTH, low=0), "cyan")
    return Text(row.note, "red" if row.wrong else "dim")

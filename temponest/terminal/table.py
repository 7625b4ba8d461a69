"""Tables for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.table import Table
from rich.text import Text

from .trimmed import Trimmed


def table(columns: Sequence[str], rows: Iterable[Sequence[str | Text]], *, wrap: bool = False) -> Trimmed:
    """A table without lines. Names and values are text, never markup.

    Args:
        columns: their names. One that starts with `>` is set to the right; one that starts with `!` stays
            whole in a narrow terminal, as an id that is cut off is of no use.
        rows: a cell for each column.
        wrap: break what does not fit into lines, instead of cutting it off.
    """
    drawn = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        # A terminal that is too narrow takes its columns from those that may wrap.
        drawn.add_column(
            column.lstrip(">!"),
            justify="right" if column.startswith(">") else "left",
            no_wrap=column.startswith((">", "!")),
            overflow="fold" if wrap else "ellipsis",
        )
    for row in rows:
        cells = [cell if isinstance(cell, Text) else Text(cell) for cell in row]
        for cell in cells:
            cell.no_wrap = not wrap or None
        drawn.add_row(*cells)
    return Trimmed(drawn)

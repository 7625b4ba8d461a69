"""The terminal that a command writes to."""

from __future__ import annotations

import sys

from rich.console import Console

PIPED_WIDTH = 160  # columns where nobody looks: enough that grep and less see whole lines


def screen() -> Console:
    """Standard output, without colours and wide when it is no terminal; `NO_COLOR` is honoured by Rich."""
    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False, emoji=False)

"""The terminal that a command writes to."""

from __future__ import annotations

import os
import sys

from rich.console import Console

PIPED_WIDTH = 160  # columns where nobody looks: enough that grep and less see whole lines


def is_plain() -> bool:
    """Whether colours are unwanted: `NO_COLOR` is set (https://no-color.org), or nobody looks."""
    return bool(os.environ.get("NO_COLOR")) or not sys.stdout.isatty()


def screen() -> Console:
    """Standard output, without colours and wide when it is no terminal."""
    return Console(width=None if sys.stdout.isatty() else PIPED_WIDTH, highlight=False, emoji=False)

"""What is drawn, without the blanks that fill up its lines."""

from __future__ import annotations

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult
from rich.segment import Segment


class Trimmed:
    """Draws something line by line and leaves out the blanks at their ends.

    A table fills its lines up to its own width. In a file, a pipe or a selection these blanks are in the way.

    Args:
        drawn: what is to be drawn.
    """

    def __init__(self, drawn: RenderableType) -> None:
        self._drawn = drawn

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for line in console.render_lines(self._drawn, options, pad=False):
            while line and not line[-1].text.rstrip():
                line.pop()
            if line:
                text, style, control = line.pop()
                yield from line
                yield Segment(text.rstrip(), style, control)
            yield Segment.line()

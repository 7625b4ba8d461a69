"""`temponest top`."""

from __future__ import annotations

from contextlib import nullcontext, suppress
from threading import Event

import click
from rich.live import Live

from temponest.cli.commands.services import COLUMNS, as_document, drawn, red
from temponest.cli.target import Target, asks
from temponest.terminal.table import table

WINDOW = "1m"


@click.command()
@click.option("--every", default=2.0, show_default=True, type=click.FloatRange(0.5), help="Seconds between.")
@click.option("--times", type=click.IntRange(1), help="Stop after so many looks.")
@asks
def command(target: Target, every: float, times: int | None) -> None:
    """Watch requests, errors and p95 of every service over the last minute, until Ctrl-C.

    With --json each look is one line.

    \b
    temponest top
    temponest top --times 1 --json
    """
    pause, looks = Event(), 0
    # Where nobody looks, one table follows the other.
    live = Live(console=target.console, auto_refresh=False) if target.console.is_terminal else nullcontext()
    with suppress(KeyboardInterrupt), live as shown:
        while times is None or looks < times:
            looks += 1
            found = red(target.prometheus, WINDOW)
            if target.as_json:
                target.print_json(as_document(found), indent=None)
            elif shown is not None:
                shown.update(table(COLUMNS, drawn(found)), refresh=True)
            else:
                target.console.print(table(COLUMNS, drawn(found)))
            if looks != times:
                pause.wait(every)

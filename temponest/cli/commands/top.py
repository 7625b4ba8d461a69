"""`temponest top`."""

from __future__ import annotations

from threading import Event

import click
from rich.live import Live

from temponest.cli.commands.services import COLUMNS, drawn, red
from temponest.cli.target import Target, asks
from temponest.terminal.table import table


@click.command()
@click.option("--every", default=2.0, show_default=True, type=click.FloatRange(0.5), help="Seconds between.")
@click.option("--times", type=click.IntRange(1), help="Stop after so many looks.")
@asks
def command(target: Target, every: float, times: int | None) -> None:
    """Watch requests, errors and p95 of every service until Ctrl-C."""
    pause, looks = Event(), 0
    with Live(console=target.console, auto_refresh=False) as live:
        while times is None or looks < times:
            looks += 1
            live.update(table(COLUMNS, drawn(red(target.prometheus, "1m"))), refresh=True)
            if looks != times:
                pause.wait(every)

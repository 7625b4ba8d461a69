"""`temponest tail`."""

from __future__ import annotations

import json
import time
from datetime import datetime
from threading import Event

import click
from rich.text import Text

from temponest.cli.target import Target, asks
from temponest.terminal.waterfall import duration

LOOK_BACK = 60  # seconds; spans of a trace may come this much later than it began


@click.command()
@click.argument("query", default="{}")
@click.option("--every", default=1.0, show_default=True, type=click.FloatRange(0.2), help="Seconds between.")
@click.option("--count", type=click.IntRange(1), help="Stop after so many traces.")
@asks
def command(target: Target, query: str, every: float, count: int | None) -> None:
    """Print traces as they come until Ctrl-C.

    \b
    temponest tail '{ status = error }'
    """
    pause, shown, printed = Event(), set[str](), 0
    start = int(time.time()) - LOOK_BACK
    while True:
        found = target.tempo.search(query, limit=200, start=start, end=int(time.time()) + 5)
        for one in sorted(found, key=lambda one: one.start_ns):
            if one.trace_id in shown:
                continue
            shown.add(one.trace_id)
            if target.as_json:
                click.echo(json.dumps({"trace_id": one.trace_id, "service": one.service, "name": one.name}))
            else:
                at = datetime.fromtimestamp(one.start_ns / 1e9).astimezone().strftime("%H:%M:%S.%f")[:-3]
                took = duration(one.duration_ms * 1e6).rjust(8)
                line = Text.assemble(
                    (at, "dim"),
                    f" {took} ",
                    (one.service, "cyan"),
                    f" {one.name} ",
                    (one.trace_id, "dim"),
                )
                target.console.print(line)
            printed += 1
            if count is not None and printed >= count:
                return
        # What is older than the window cannot be found again.
        start = max(start, int(time.time()) - LOOK_BACK)
        pause.wait(every)

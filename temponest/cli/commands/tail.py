"""`temponest tail`."""

from __future__ import annotations

import time
from datetime import datetime
from threading import Event

import click
from rich.text import Text

from temponest.cli.commands.search import FIELDS
from temponest.cli.narrow import narrows
from temponest.cli.target import Target, asks
from temponest.client.tempo import TraceSummary
from temponest.terminal.waterfall import whole_milliseconds

LOOK_BACK = 60  # seconds; spans of a trace may come this much later than it began


@click.command()
@click.argument("query", required=False)
@narrows
@click.option("--every", default=1.0, show_default=True, type=click.FloatRange(0.2), help="Seconds between.")
@click.option("--count", type=click.IntRange(1), help="Stop after so many traces.")
@asks
def command(target: Target, query: str, every: float, count: int | None) -> None:
    """Print traces as they come until Ctrl-C; with --json one object a line.

    \b
    temponest tail '{ status = error }'
    temponest tail --service temponest-agents --json | jq .trace_id
    """
    pause, shown = Event(), set[str]()
    start = int(time.time()) - LOOK_BACK
    try:
        while True:
            found = target.tempo.search(query, limit=200, start=start, end=int(time.time()) + 5)
            for one in sorted(found, key=lambda one: one.start_ns):
                if one.trace_id in shown:
                    continue
                shown.add(one.trace_id)
                _print(target, one)
                if len(shown) == count:
                    return
            # What is older than the window cannot be found again.
            start = max(start, int(time.time()) - LOOK_BACK)
            pause.wait(every)
    except KeyboardInterrupt:
        return


def _print(target: Target, one: TraceSummary) -> None:
    if target.as_json:
        target.print_json({name: getattr(one, name) for name in FIELDS}, indent=None)
        return
    at = datetime.fromtimestamp(one.start_ns / 1e9).astimezone().strftime("%H:%M:%S.%f")[:-3]
    took = whole_milliseconds(one.duration_ms).rjust(8)
    # The id stays whole in a narrow terminal, as one that is cut off is of no use.
    line = Text.assemble(
        (at, "dim"), " ", (one.trace_id, "dim"), f" {took} ", (one.service, "cyan"), f" {one.name}"
    )
    if target.console.is_terminal:
        target.console.print(line, no_wrap=True, overflow="ellipsis")
    else:
        target.console.print(line, soft_wrap=True)

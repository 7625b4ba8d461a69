"""`temponest query`."""

from __future__ import annotations

import time

import click

from temponest.cli.target import Target, asks
from temponest.terminal.sparkline import number, sparkline
from temponest.terminal.table import table

STEPS = 60  # a line of this many characters fits beside the labels


def _for_people(seconds: int) -> str:
    """`90 s`, `45 min`, `1 h`: the largest unit that comes out even."""
    for size, unit in ((3600, "h"), (60, "min")):
        if seconds % size == 0:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"


@click.command()
@click.argument("query")
@click.option(
    "--since", default=3600, show_default=True, type=click.IntRange(60), help="Seconds to look back."
)
@asks
def command(target: Target, query: str, since: int) -> None:
    """Ask PromQL and draw each series as a line.

    \b
    temponest query 'sum by (job) (rate(http_server_request_duration_seconds_count[1m]))'
    temponest query temponest_event_loop_lag_seconds_sum --since 900 --json
    """
    end = time.time()
    found = target.prometheus.query_range(query, end - since, end, max(1.0, since / STEPS))
    if target.as_json:
        target.print_json([{"labels": one.labels, "samples": one.samples} for one in found])
        return
    if not found:
        click.echo(
            "No series. The names there are: temponest query 'count by (__name__) ({__name__!=\"\"})'",
            err=True,
        )
        return
    rows = []
    for one in found:
        values = [value for _, value in one.samples]
        shown = ", ".join(f"{name}={value}" for name, value in sorted(one.labels.items())) or "(no labels)"
        rows.append((shown, sparkline(values), number(values[-1])))
    target.console.print(table(("series", f"!last {_for_people(since)}", ">now"), rows, wrap=True))

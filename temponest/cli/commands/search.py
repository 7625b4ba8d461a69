"""`temponest search`."""

from __future__ import annotations

import time
from datetime import datetime

import click

from temponest.cli.narrow import narrows
from temponest.cli.target import Target, asks
from temponest.terminal.table import table
from temponest.terminal.waterfall import whole_milliseconds

FIELDS = ("trace_id", "service", "name", "start_ns", "duration_ms")


@click.command()
@click.argument("query", required=False)
@narrows
@click.option("--limit", default=20, show_default=True, type=click.IntRange(1, 10_000), help="At most.")
@click.option(
    "--since", default=3600, show_default=True, type=click.IntRange(1), help="Seconds to look back."
)
@asks
def command(target: Target, query: str, limit: int, since: int) -> None:
    """Find traces with TraceQL, newest first.

    \b
    temponest search '{ resource.service.name = "temponest-agents" && status = error }'
    temponest search '{ duration > 500ms }' --limit 5
    temponest search --service temponest-agents --tag http.response.status_code=500
    """
    now = int(time.time()) + 1
    found = target.tempo.search(query, limit=limit, start=now - since, end=now)
    if target.as_json:
        target.print_json([{name: getattr(one, name) for name in FIELDS} for one in found])
        return
    if not found:
        click.echo("No trace matches. Look further back with --since, or try: temponest search", err=True)
        return
    rows = [
        (
            datetime.fromtimestamp(one.start_ns / 1e9).astimezone().strftime("%H:%M:%S"),
            one.trace_id,
            whole_milliseconds(one.duration_ms),
            one.service,
            one.name,
        )
        for one in found
    ]
    target.console.print(table(("started", "!trace", ">took", "service", "name"), rows))
    if len(found) == limit:
        click.echo(f"Cut off at {limit}; there may be more (--limit).", err=True)

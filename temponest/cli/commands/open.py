"""`temponest open`."""

from __future__ import annotations

import click

from temponest.cli.complete import trace_ids


@click.command()
@click.argument("trace_id", required=False, shell_complete=trace_ids)
@click.option("--pages", default="http://localhost:16686", show_default=True, help="Address of the pages.")
def command(trace_id: str | None, pages: str) -> None:
    """Open the pages in a browser, at a trace if one is named.

    \b
    temponest open
    temponest open 770ad1a7a5111bc838d061ebf6361b25
    """
    address = f"{pages}/trace/{trace_id}" if trace_id else pages
    click.echo(address)
    click.launch(address)

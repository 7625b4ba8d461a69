"""`temponest open`."""

from __future__ import annotations

import click


@click.command()
@click.argument("trace_id", required=False)
@click.option("--pages", default="http://localhost:16686", show_default=True, help="Address of the pages.")
def command(trace_id: str | None, pages: str) -> None:
    """Open the pages in a browser, at a trace if one is named."""
    address = f"{pages}/trace/{trace_id}" if trace_id else pages
    click.echo(address)
    click.launch(address)

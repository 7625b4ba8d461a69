"""`temponest trace`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import click

from temponest.cli.complete import trace_ids
from temponest.cli.target import Target, asks
from temponest.client.trace import Span
from temponest.terminal.waterfall import waterfall


def _plain(span: Span) -> dict[str, Any]:
    return {**asdict(span), "children": [child.span_id for child in span.children]}


@click.command()
@click.argument("trace_id", shell_complete=trace_ids)
@asks
def command(target: Target, trace_id: str) -> None:
    """Show one trace as a tree beside its time line.

    \b
    temponest trace 770ad1a7a5111bc838d061ebf6361b25
    temponest trace 770ad1a7a5111bc838d061ebf6361b25 --json | jq '.[].name'
    """
    found = target.tempo.trace(trace_id)
    if found is None:
        raise click.ClickException(f"there is no trace {trace_id}. Find one with: temponest search")
    if target.as_json:
        target.print_json([_plain(span) for span in found.walk()])
        return
    console = target.console
    console.print(waterfall(found, trace_id, console.width))

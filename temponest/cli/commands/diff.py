"""`temponest diff`."""

from __future__ import annotations

from dataclasses import asdict
from functools import partial

import click

from temponest.cli.complete import trace_ids
from temponest.cli.target import Target, asks
from temponest.client.difference import compare
from temponest.client.trace import Trace
from temponest.terminal.comparison import comparison


class Trouble(click.ClickException):
    """There is no answer: as with diff(1), 1 means that there are differences."""

    exit_code = 2


@click.command()
@click.argument("a", shell_complete=trace_ids)
@click.argument("b", shell_complete=trace_ids)
@partial(asks, failure=Trouble)
@click.pass_context
def command(ctx: click.Context, target: Target, a: str, b: str) -> None:
    """Compare two traces: what was added, removed, slower or faster in B.

    Spans are matched by their path of service and name. The exit code is 0 when nothing differs, 1 when
    something does, 2 when a trace cannot be read.

    \b
    temponest diff 770ad1a7a5111bc838d061ebf6361b25 0c9f8ad72b6ed3b1bd9f0be1e4f1f2a7
    temponest diff $(temponest search --json --limit 2 | python -c \\
        'import json, sys; print(*(one["trace_id"] for one in json.load(sys.stdin)))')
    """
    first, second = _read(target, a), _read(target, b)
    lines = compare(first, second)
    if target.as_json:
        target.print_json([asdict(line) for line in lines])
    else:
        target.console.print(comparison(lines, first, second, (a, b), target.console.width))
    ctx.exit(int(any(line.change != "same" for line in lines)))


def _read(target: Target, trace_id: str) -> Trace:
    found = target.tempo.trace(trace_id)
    if found is None:
        raise Trouble(f"there is no trace {trace_id}. Find one with: temponest search")
    return found

"""`temponest cost`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from temponest.cli.complete import services
from temponest.cli.target import Target, asks
from temponest.client.cost import Cost, costs
from temponest.terminal.table import table

SAYS = {
    "server": "the request's own span",
    "metrics": "MetricsMiddleware",
    "custom": "spans of the code",
    "deferred": "encoding and recording, after the answer",
    "export": "sending, in threads of its own",
    "client": "asyncpg, httpx, redis, requests",
}


@click.command()
@click.option("--service", metavar="NAME", shell_complete=services, help="This one alone.")
@asks
def command(target: Target, service: str | None) -> None:
    """Show what telemetry costs each service, by instrumentation, and what less of it would save.

    It is what the services measured themselves over the last five minutes. CPU is a share of all CPU time of
    the service. A saving says "up to" where it depends on what callers sample.

    \b
    temponest cost
    temponest cost --service temponest-agents --json
    """
    found = {name: one for name, one in costs(target.prometheus).items() if service in {None, name}}
    if target.as_json:
        target.print_json({name: _document(one) for name, one in found.items()})
    elif found:
        for name, one in found.items():
            _show(target.console, name, one)
        _say_how(found.values())
    else:
        click.echo("No service reports its cost yet; it comes with its metrics (setup_metrics).", err=True)


def _show(console: Console, name: str, cost: Cost) -> None:
    whole = f"{_share(cost, cost.seconds)} of its CPU, " if cost.process else ""
    sent = f"{cost.spans:.1f} spans/s, {cost.bytes_sent / 1024:.1f} KiB/s sent"
    console.print(Text.assemble((name, "bold"), f": {whole}{_time(cost.seconds)}, {sent}"))
    console.print(table(("  part", ">CPU", ">CPU time", ""), _parts(cost)))
    console.print(table(("  turned down", ">saves", ">CPU time"), _savings(cost)))
    console.print()


def _parts(cost: Cost) -> Iterator[tuple[str | Text, ...]]:
    for part, seconds in cost.parts.items():
        says = Text(SAYS.get(part, "its client spans"), "dim")
        yield f"  {part}", _share(cost, seconds), _time(seconds), says


def _savings(cost: Cost) -> Iterator[tuple[str, ...]]:
    for one in cost.savings():
        share = f"{'up to ' if one.at_most else ''}{_share(cost, one.seconds)}"
        yield f"  {one.what}", share, _time(one.seconds)


def _say_how(found: Iterable[Cost]) -> None:
    """The variables, once for all services."""
    ways = {one.what: one.how for cost in found for one in cost.savings() if one.how}
    for what, how in ways.items():
        click.echo(f"{what}: {how}")


def _share(cost: Cost, seconds: float) -> str:
    share = cost.share(seconds)
    return "" if share is None else f"{share:.2%}"


def _time(seconds: float) -> str:
    return f"{seconds * 1000:.2f} ms/s"


def _document(cost: Cost) -> dict[str, Any]:
    return {
        "cpu_share": cost.share(cost.seconds),
        "cpu_seconds_per_second": cost.seconds,
        "spans_per_second": cost.spans,
        "bytes_per_second": cost.bytes_sent,
        "parts": {
            part: {"cpu_share": cost.share(seconds), "cpu_seconds_per_second": seconds}
            for part, seconds in cost.parts.items()
        },
        "savings": [
            {
                "what": one.what,
                "how": one.how,
                "cpu_share": cost.share(one.seconds),
                "cpu_seconds_per_second": one.seconds,
                "at_most": one.at_most,
            }
            for one in cost.savings()
        ],
    }

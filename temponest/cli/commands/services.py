"""`temponest services`."""

from __future__ import annotations

import time
from contextlib import suppress

import click
from rich.text import Text

from temponest.cli.target import Target, asks
from temponest.client.api import ApiError
from temponest.client.prometheus import Prometheus
from temponest.client.tempo import Tempo
from temponest.terminal.sparkline import number
from temponest.terminal.table import table

REQUESTS = "{ kind = server }"
SERVED = 'traces_spanmetrics_calls_total{span_kind="SPAN_KIND_SERVER"'


def red(prometheus: Prometheus, window: str = "5m") -> dict[str, tuple[float, float, float]]:
    """Requests a second, share of errors, and p95 in seconds, by service."""
    now = time.time()  # one moment for all of them, so that shares are exact
    rates = _by_service(prometheus, f"sum by (service) (rate({SERVED}}}[{window}]))", now)
    failed = _by_service(
        prometheus, f'sum by (service) (rate({SERVED},status_code="STATUS_CODE_ERROR"}}[{window}]))', now
    )
    buckets = f'rate(traces_spanmetrics_latency_bucket{{span_kind="SPAN_KIND_SERVER"}}[{window}])'
    slow = _by_service(prometheus, f"histogram_quantile(0.95, sum by (service, le) ({buckets}))", now)
    return {
        name: (rate, failed.get(name, 0.0) / rate if rate else 0.0, slow.get(name, float("nan")))
        for name, rate in sorted(rates.items())
    }


def _by_service(prometheus: Prometheus, query: str, now: float) -> dict[str, float]:
    return {one.labels.get("service", ""): one.samples[-1][1] for one in prometheus.query(query, now)}


def as_document(found: dict[str, tuple[float, float, float]]) -> dict[str, dict[str, float]]:
    """The same for programs."""
    names = ("requests_per_second", "error_share", "p95_seconds")
    return {name: dict(zip(names, values, strict=True)) for name, values in found.items()}


def drawn(found: dict[str, tuple[float, float, float]]) -> list[tuple[str | Text, ...]]:
    """Rows of a table of them; errors are red."""
    return [
        (
            name,
            number(rate),
            Text(f"{errors:.1%}", "bold red" if errors else ""),
            f"{seconds * 1000:.1f} ms" if seconds == seconds else "",
        )
        for name, (rate, errors, seconds) in found.items()
    ]


COLUMNS = ("service", ">requests/s", ">errors", ">p95")


@click.command()
@asks
def command(target: Target) -> None:
    """List the services with their requests, errors and p95 of the last five minutes.

    \b
    temponest services
    temponest services --json
    """
    found = red(target.prometheus)
    if target.as_json:
        target.print_json(as_document(found))
    elif found:
        target.console.print(table(COLUMNS, drawn(found)))
    elif _requests_came(target.tempo):
        click.echo("Requests have come, but no rates yet. Try again in ten seconds.", err=True)
    else:
        click.echo(
            "No service had a request in the last five minutes. Is anything sent here? temponest doctor",
            err=True,
        )


def _requests_came(tempo: Tempo) -> bool:
    """Whether there are traces of requests; rates take two samples longer. False where no Tempo answers."""
    now = int(time.time())
    with suppress(ApiError):
        return bool(tempo.search(REQUESTS, limit=1, start=now - 300, end=now + 5))
    return False

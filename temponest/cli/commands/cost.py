"""`temponest cost`."""

from __future__ import annotations

import click

from temponest.cli.target import Target, asks
from temponest.client.prometheus import Prometheus
from temponest.terminal.table import table

WINDOW = "5m"


def _by_job(prometheus: Prometheus, query: str) -> dict[str, float]:
    return {one.labels.get("job", ""): one.samples[-1][1] for one in prometheus.query(query)}


@click.command()
@asks
def command(target: Target) -> None:
    """Show what telemetry costs each service, as the service itself measured it.

    CPU is telemetry's share of all CPU time of the service. Sampling saves the part that spans take.
    """
    spent, whole, spans, sent = (
        _by_job(target.prometheus, f"sum by (job) (rate({metric}[{WINDOW}]))")
        for metric in (
            "temponest_telemetry_cpu_time_seconds_total",
            "process_cpu_time_seconds_total",
            "otel_sdk_processor_span_processed_total",
            "temponest_telemetry_export_io_bytes_total",
        )
    )
    found = {
        job: {
            "cpu_share": spent[job] / whole[job] if whole.get(job) else None,
            "cpu_seconds_per_second": spent[job],
            "spans_per_second": spans.get(job, 0.0),
            "bytes_per_second": sent.get(job, 0.0),
        }
        for job in sorted(spent)
    }
    if target.as_json:
        target.print_json(found)
        return
    if not found:
        click.echo("No service reports its cost yet; it is sent with its metrics (setup_metrics).")
        return
    rows = [
        (
            job,
            "" if one["cpu_share"] is None else f"{one['cpu_share']:.2%}",
            f"{(one['cpu_seconds_per_second'] or 0) * 1000:.2f} ms/s",
            f"{one['spans_per_second']:.1f}",
            f"{(one['bytes_per_second'] or 0) / 1024:.1f} KiB/s",
        )
        for job, one in found.items()
    ]
    target.console.print(table(("service", ">CPU", ">CPU time", ">spans/s", ">sent"), rows))

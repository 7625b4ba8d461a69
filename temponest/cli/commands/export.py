"""`temponest export`."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Protocol

import click
from google.protobuf.message import Message

from temponest.cli.target import PROMETHEUS, TEMPO, said
from temponest.client.api import ApiError
from temponest.client.loki import EVERY_STREAM, Loki
from temponest.client.prometheus import Prometheus
from temponest.client.tempo import Tempo
from temponest.files.errors import FileError
from temponest.files.log_records import LogRecords, of_traces
from temponest.files.points import EVERY_SERIES, Points
from temponest.files.traces import EVERYTHING, Traces
from temponest.files.write import FORMATS, writing

SECOND = 1_000_000_000
SIGNALS = ("traces", "metrics", "logs")
_ADDRESS = {"traces": "--tempo", "metrics": "--prometheus", "logs": "--loki"}
_HELP = {
    "query": "Which: TraceQL for traces, a series selector for metrics, LogQL for logs. [default: all]",
    "trace": "Only this trace, or its log records; may be repeated.",
    "start": "Start in seconds since the epoch, not --since.",
    "end": "End in seconds since the epoch. [default: now]",
    "format": "[default: by FILE's name, else json]",
}


class Source(Protocol):
    """What is exported."""

    def __iter__(self) -> Iterator[Message]:
        """Requests of OTLP."""
        ...

    def counted(self) -> str:
        """What came so far."""
        ...

    def missing(self) -> str:
        """What could not be exported, and what to do; empty where all was."""
        ...


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), default="-")
@click.option(
    "--signal", type=click.Choice(SIGNALS), default="traces", show_default=True, help="What to export."
)
@click.option("--query", help=_HELP["query"])
@click.option("--trace", "trace_ids", multiple=True, metavar="ID", help=_HELP["trace"])
@click.option(
    "--since", default=3600, show_default=True, type=click.IntRange(1), help="Seconds to look back."
)
@click.option("--start", type=float, metavar="SECONDS", help=_HELP["start"])
@click.option("--end", type=float, metavar="SECONDS", help=_HELP["end"])
@click.option("--format", "form", type=click.Choice(FORMATS), help=_HELP["format"])
@click.option("--tempo", metavar="URL", default=TEMPO, show_default=True, help="Tempo's address.")
@click.option(
    "--prometheus", metavar="URL", default=PROMETHEUS, show_default=True, help="Prometheus' address."
)
@click.option(
    "--loki", metavar="URL", default="http://localhost:3100", show_default=True, help="Loki's address."
)
@click.option("--token", envvar="TEMPONEST_TOKEN", help="Bearer token, where the server asks for one.")
def command(
    file: Path,
    signal: str,
    query: str | None,
    trace_ids: tuple[str, ...],
    since: int,
    start: float | None,
    end: float | None,
    form: str | None,
    tempo: str,
    prometheus: str,
    loki: str,
    token: str | None,
) -> None:
    """Write traces, metrics or logs to FILE, or to standard output.

    One OTLP request a line as JSON, messages with their length before them as protobuf (both as the
    Collector's file exporter writes them), or a row a span, data point or log record as Parquet. With .gz at
    its end a file is compressed.

    \b
    temponest export yesterday.jsonl.gz --since 86400
    temponest export errors.parquet --query '{ status = error }'
    temponest export --trace 770ad1a7a5111bc838d061ebf6361b25 | jq .
    temponest export cpu.parquet --signal metrics --query '{__name__=~"process_cpu_.*"}'
    temponest export logs.jsonl --signal logs --query '{service_name="shop"} |= "refused"'
    """
    last = end if end is not None else int(time.time()) + 1
    first = start if start is not None else last - since
    if first >= last:
        raise click.ClickException("the time range is empty: --end must be after --start")
    if trace_ids and signal == "metrics":
        raise click.ClickException("--trace is for traces and logs; a metric belongs to no trace")
    try:
        with ExitStack() as stack:
            source: Source
            if signal == "traces":
                traces = stack.enter_context(closing(Tempo(tempo, token)))
                source = Traces(traces, query or EVERYTHING, int(first), math.ceil(last), trace_ids)
            elif signal == "metrics":
                metrics = stack.enter_context(closing(Prometheus(prometheus, token)))
                source = Points(metrics, query or EVERY_SERIES, int(first * 1000), int(last * 1000))
            else:
                logs = stack.enter_context(closing(Loki(loki, token)))
                chosen = of_traces(query or EVERY_STREAM, trace_ids)
                source = LogRecords(logs, chosen, int(first * SECOND), int(last * SECOND))
            _write(source, file, signal, form)
    except ApiError as error:
        if error.status is None:
            raise click.ClickException(
                f"{error}\nStart it with temponest serve, or give another address by {_ADDRESS[signal]}."
            ) from None
        raise click.ClickException(said(error)) from None
    except FileError as error:
        raise click.ClickException(str(error)) from None


def _write(source: Source, file: Path, signal: str, form: str | None) -> None:
    with writing(file, signal, form) as out:
        for request in source:
            out.write(request)
    click.echo(f"Exported {source.counted()}.", err=True)
    if source.counted().startswith("0 "):
        click.echo("Nothing matches: look further back with --since, or with another --query.", err=True)
    if missing := source.missing():
        raise click.ClickException(missing)

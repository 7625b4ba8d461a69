"""`temponest export`."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import IO, TypeAlias

import click

from temponest.cli.target import TEMPO, said
from temponest.client.api import ApiError
from temponest.client.tempo import Tempo
from temponest.files.find import Found

_Write: TypeAlias = Callable[[bytes], tuple[int, int]]

FORMATS = ("json", "protobuf", "parquet")
_BY_SUFFIX = {".pb": "protobuf", ".binpb": "protobuf", ".otlp": "protobuf", ".parquet": "parquet"}
# Traces asked for at once, as many as come in one answer of a few megabytes.
_AT_ONCE = 50


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), default="-")
@click.option("--query", default="{}", show_default=True, help="TraceQL; which traces.")
@click.option("--trace", "trace_ids", multiple=True, metavar="ID", help="Only this trace; may be repeated.")
@click.option(
    "--since", default=3600, show_default=True, type=click.IntRange(1), help="Seconds to look back."
)
@click.option("--start", type=float, metavar="SECONDS", help="Start in seconds since the epoch, not --since.")
@click.option("--end", type=float, metavar="SECONDS", help="End in seconds since the epoch. [default: now]")
@click.option("--format", "form", type=click.Choice(FORMATS), help="[default: by FILE's name, else json]")
@click.option("--tempo", metavar="URL", default=TEMPO, show_default=True, help="Tempo's address.")
@click.option("--token", envvar="TEMPONEST_TOKEN", help="Bearer token, where the server asks for one.")
def command(
    file: Path,
    query: str,
    trace_ids: tuple[str, ...],
    since: int,
    start: float | None,
    end: float | None,
    form: str | None,
    tempo: str,
    token: str | None,
) -> None:
    """Write traces to FILE, or to standard output.

    One OTLP request a line as JSON, messages with their length before them as protobuf (both as the
    Collector's file exporter writes them), or a row a span as Parquet.

    \b
    temponest export yesterday.jsonl --since 86400
    temponest export errors.parquet --query '{ status = error }'
    temponest export --trace 770ad1a7a5111bc838d061ebf6361b25 | jq .
    """
    last = int(end) + 1 if end is not None else int(time.time()) + 1
    first = int(start) if start is not None else last - since
    if first >= last:
        raise click.ClickException("--end must be after --start")
    wanted = list(dict.fromkeys(trace_ids))
    try:
        with closing(Tempo(tempo, token)) as client, _output(file) as out:
            found = Found(client, query, first, last)
            write = _writer(form or _BY_SUFFIX.get(file.suffix, "json"), out)
            traces, spans = _copy(client, iter([wanted]) if wanted else iter(found), *write)
            if traces < len(wanted):
                raise click.ClickException(f"only {traces} of {len(wanted)} traces exist")
    except ApiError as error:
        raise click.ClickException(said(error)) from None
    click.echo(f"Exported {traces:,} traces, {spans:,} spans.", err=True)
    if found.crowded:
        raise click.ClickException(
            f"{len(found.crowded)} seconds hold more traces than one search finds, the first of them"
            f" {found.crowded[0]}; some are missing. Export them apart with a narrower --query"
        )


@contextmanager
def _output(file: Path) -> Iterator[IO[bytes]]:
    """Where to write; a file has its name only once it is whole."""
    if str(file) == "-":
        with open(sys.stdout.fileno(), "wb", closefd=False) as out:
            yield out
        return
    draft = file.with_name(f"{file.name}.part")
    try:
        with draft.open("wb") as out:
            yield out
        draft.replace(file)
    except OSError as error:
        raise click.ClickException(f"{file} cannot be written: {error.strerror}") from None
    finally:
        draft.unlink(missing_ok=True)


def _copy(
    client: Tempo, groups: Iterator[list[str]], write: _Write, close: Callable[[], None]
) -> tuple[int, int]:
    traces = spans = 0
    for group in groups:
        for low in range(0, len(group), _AT_ONCE):
            for body in client.encoded(group[low : low + _AT_ONCE]):
                made = write(body)
                traces, spans = traces + made[0], spans + made[1]
    close()
    return traces, spans


def _writer(form: str, out: IO[bytes]) -> tuple[_Write, Callable[[], None]]:
    """What writes an encoded request and counts its traces and spans, and what ends the file."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    from temponest.files import frames, otlp_json
    from temponest.files.table import Writer

    put: Callable[[ExportTraceServiceRequest], object]
    close: Callable[[], None] = out.flush
    if form == "parquet":
        table = Writer(out)
        put, close = table.write, table.close
    elif form == "json":
        put = lambda request: out.write(otlp_json.line(request))  # noqa: E731 - one of three ways to write
    else:
        put = lambda request: out.write(frames.frame(request.SerializeToString()))  # noqa: E731 - as above

    def write(body: bytes) -> tuple[int, int]:
        request = ExportTraceServiceRequest.FromString(body)
        put(request)
        ids = [
            span.trace_id
            for group in request.resource_spans
            for scoped in group.scope_spans
            for span in scoped.spans
        ]
        return len(set(ids)), len(ids)

    return write, close

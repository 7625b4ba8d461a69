"""`temponest import`."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import click

from temponest.files.errors import FileError
from temponest.files.otlp_json import SIGNALS

_PARQUET = b"PAR1"

# A longer line goes as protobuf: receivers take less of JSON.
_MOST_JSON = 1024 * 1024


@click.command("import")
@click.argument(
    "files", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), nargs=-1, required=True
)
@click.option("--endpoint", default="http://localhost:4318", show_default=True, help="OTLP/HTTP receiver.")
@click.option("--token", envvar="TEMPONEST_TOKEN", help="Bearer token, where the receiver asks for one.")
@click.option(
    "--signal",
    type=click.Choice(sorted(SIGNALS.values())),
    default="traces",
    show_default=True,
    help="What protobuf files hold; JSON says it itself.",
)
def command(files: tuple[Path, ...], endpoint: str, token: str | None, signal: str) -> None:
    """Send FILES to a nest; "-" is standard input.

    Takes what temponest export and the Collector's file exporter write: OTLP requests as JSON lines or
    protobuf, traces, metrics or logs, and Parquet. What is sent twice is kept once.

    \b
    temponest import yesterday.jsonl
    zcat traces.jsonl.gz | temponest import -
    """
    from temponest.files.send import Sender

    sent = 0
    with closing(Sender(endpoint, token)) as sender:
        try:
            for file in files:
                for where, kind, body, json in _requests(file, signal):
                    sender.send(where, kind, body, json=json)
                    sent += 1
        except (FileError, OSError) as error:
            before = (
                f"\n{sent:,} requests before it were imported; importing them again is safe." if sent else ""
            )
            raise click.ClickException(f"{error}{before}") from None
    click.echo(f"Imported {sent:,} requests.", err=True)


def _requests(path: Path, signal: str) -> Iterator[tuple[str, str, bytes, bool]]:
    """Place, signal and body of each request, and whether it is JSON."""
    from temponest.files import frames, otlp_json

    standard = str(path) == "-"
    name = "standard input" if standard else str(path)
    with open(sys.stdin.fileno(), "rb", closefd=False) if standard else path.open("rb") as file:
        head = file.peek(16)[:16]
        if not head:
            raise FileError(name, "the file is empty")
        if head.lstrip()[:1] in (b"{", b"["):
            for where, kind, text in otlp_json.requests(file, name):
                try:
                    small = len(text) <= _MOST_JSON
                    yield where, kind, text if small else otlp_json.protobuf(kind, text), small
                except ValueError as error:
                    raise FileError(where, f"no OTLP request ({error})") from None
            return
        if head[:4] != _PARQUET:
            yield from ((where, signal, body, False) for where, body in frames.messages(file, name))
            return
    if standard:
        raise FileError(name, "Parquet cannot be read from there; give the file's name")
    from temponest.files import table

    for where, request in table.requests(path):
        yield where, "traces", request.SerializeToString(), False

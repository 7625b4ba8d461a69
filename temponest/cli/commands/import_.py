"""`temponest import`."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from pathlib import Path

import click

from temponest.files.errors import FileError
from temponest.files.otlp_json import SIGNALS


@click.command("import")
@click.argument(
    "files", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True), nargs=-1, required=True
)
@click.option("--endpoint", default="http://localhost:4318", show_default=True, help="OTLP/HTTP receiver.")
@click.option("--token", envvar="TEMPONEST_TOKEN", help="Bearer token, where the receiver asks for one.")
@click.option(
    "--signal",
    type=click.Choice(sorted(SIGNALS.values())),
    help="What protobuf files hold. [default: told from the content]",
)
def command(files: tuple[Path, ...], endpoint: str, token: str | None, signal: str | None) -> None:
    """Send FILES to a nest; "-" is standard input.

    Takes what temponest export and the Collector's file exporter write: traces, metrics or logs as OTLP
    requests in JSON lines or protobuf, also compressed by gzip, and Parquet. What is sent twice is kept once,
    except for metrics of delta temporality.

    \b
    temponest import yesterday.jsonl
    temponest import metrics.parquet logs.jsonl.gz
    ssh server cat traces.pb | temponest import -
    """
    from temponest.files.read import read
    from temponest.files.send import Sender

    sent: Counter[str] = Counter()
    try:
        with closing(Sender(endpoint, token)) as sender:
            for file in files:
                for one in read(file, signal):
                    sender.send(one.where, one.signal, one.body, json=one.json)
                    sent[one.signal] += 1
    except (FileError, OSError) as error:
        raise click.ClickException(f"{error}{_before(sent)}") from None
    kinds = f" ({', '.join(sorted(sent))})" if sent else ""
    click.echo(f"Imported {sent.total():,} requests{kinds}.", err=True)


def _before(sent: Counter[str]) -> str:
    """What was imported until an error, and whether the files may be imported again."""
    if not sent:
        return ""
    again = "importing them again is safe"
    again += ", but for metrics of delta temporality" if sent["metrics"] else ""
    return f"\n{sent.total():,} requests before it were imported; {again}."

"""`temponest serve`."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

import click

from temponest.demo.ports import holder
from temponest.nest.api.server import Security, is_loopback, require_safe_bind
from temponest.nest.serve import Addresses, Busy, serve
from temponest.nest.store.errors import StoreError
from temponest.nest.store.limits import MIB, Limits

DEFAULT = Addresses()


def default_folder() -> Path:
    """`$XDG_DATA_HOME/temponest`, by default below `~/.local/share`."""
    return Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share") / "temponest"


@click.command()
@click.option("--data", type=click.Path(path_type=Path, file_okay=False), help="Folder for the data.")
@click.option("--host", default=DEFAULT.host, show_default=True, help="Address to listen on.")
@click.option("--grpc-port", default=DEFAULT.grpc, show_default=True, help="OTLP over gRPC.")
@click.option("--http-port", default=DEFAULT.http, show_default=True, help="OTLP over HTTP.")
@click.option("--jaeger-port", default=DEFAULT.jaeger, show_default=True, help="Pages and Jaeger's API.")
@click.option("--tempo-port", default=DEFAULT.tempo, show_default=True, help="Tempo's API.")
@click.option("--prometheus-port", default=DEFAULT.prometheus, show_default=True, help="Prometheus' API.")
@click.option("--loki-port", default=DEFAULT.loki, show_default=True, help="Loki's API.")
@click.option(
    "--memory", default=300, show_default=True, type=click.IntRange(200), help="Memory limit in MiB."
)
@click.option(
    "--disk",
    default=10,
    show_default=True,
    type=click.IntRange(1),
    help="Disk limit in GiB; the oldest data goes first.",
)
@click.option(
    "--keep",
    default=14,
    show_default=True,
    type=click.IntRange(0),
    help="Days until data is dropped; 0 keeps it while there is room.",
)
@click.option("--token", envvar="TEMPONEST_TOKEN", help="Bearer token that queries and OTLP must carry.")
@click.option("--unprotected", is_flag=True, help="Allow other machines to connect without a token.")
@click.option("--allow-host", multiple=True, help="Host name, besides localhost, that clients may use.")
def command(
    data: Path | None,
    host: str,
    grpc_port: int,
    http_port: int,
    jaeger_port: int,
    tempo_port: int,
    prometheus_port: int,
    loki_port: int,
    memory: int,
    disk: int,
    keep: int,
    token: str | None,
    unprotected: bool,
    allow_host: tuple[str, ...],
) -> None:
    """Run the nest: receive, store and show telemetry.

    \b
    temponest serve
    temponest serve --data ./telemetry --disk 50
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    folder = data or default_folder()
    addresses = Addresses(host, grpc_port, http_port, jaeger_port, tempo_port, prometheus_port, loki_port)
    hosts = frozenset(allow_host) if is_loopback(host) else frozenset({"*"})
    try:
        require_safe_bind(host, token, unprotected=unprotected)
        serve(
            folder,
            addresses,
            Limits(
                memory_bytes=memory * MIB,
                disk_bytes=disk * 1024 * MIB,
                retention_seconds=keep * 24 * 3600,
            ),
            Security(token=token, hosts=hosts),
        )
    except Busy as busy:
        raise click.ClickException(
            f"port {busy.port} is held by {holder(busy.port)}. Stop it, or choose another port (see --help)."
        ) from None
    except (StoreError, ValueError) as error:
        raise click.ClickException(str(error)) from None

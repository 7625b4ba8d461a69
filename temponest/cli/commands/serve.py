"""`temponest serve`."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections import deque
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import click
from rich.console import Console, Group
from rich.highlighter import NullHighlighter
from rich.live import Live
from rich.logging import RichHandler
from rich.text import Text

from temponest.demo.ports import holder
from temponest.nest.api.server import Security, is_loopback, require_safe_bind
from temponest.nest.serve import Addresses, Busy, serve
from temponest.nest.state import State, Watch, age, report
from temponest.nest.store.errors import StoreError
from temponest.nest.store.limits import MIB, Limits
from temponest.terminal.meters import Meter, meters

DEFAULT = Addresses()
GIB = 1024 * MIB
# Seconds between two looks at the state, and how many of them are drawn.
EVERY = 1.0
KEPT = 60


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
    console = Console(stderr=True, highlight=False, emoji=False)
    in_terminal = console.is_terminal and not console.is_dumb_terminal
    _log_to(console if in_terminal else None)
    folder = data or default_folder()
    addresses = Addresses(host, grpc_port, http_port, jaeger_port, tempo_port, prometheus_port, loki_port)
    hosts = frozenset(allow_host) if is_loopback(host) else frozenset({"*"})
    try:
        require_safe_bind(host, token, unprotected=unprotected)
        limits = Limits(
            memory_bytes=memory * MIB,
            disk_bytes=disk * GIB,
            retention_seconds=keep * 24 * 3600,
        )
        watch = shown(console, limits) if in_terminal else report
        serve(folder, addresses, limits, Security(token=token, hosts=hosts), watch)
    except Busy as busy:
        raise click.ClickException(
            f"port {busy.port} is held by {holder(busy.port)}. Stop it, or choose another port (see --help)."
        ) from None
    except (StoreError, ValueError) as error:
        raise click.ClickException(str(error)) from None


def _log_to(console: Console | None) -> None:
    """Log above what is drawn in a terminal, or by the line where nobody looks."""
    if console is None:
        logging.basicConfig(
            level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr
        )
    else:
        above = RichHandler(console=console, show_path=False, show_level=False, highlighter=NullHighlighter())
        logging.basicConfig(level=logging.INFO, format="%(message)s", datefmt="%H:%M:%S", handlers=[above])


def shown(console: Console, limits: Limits) -> Watch:
    """Draws the state of the nest in a terminal, each second anew."""

    async def watch(look: Callable[[], State]) -> None:
        states = deque([await asyncio.to_thread(look)], KEPT + 1)
        with Live(console=console, auto_refresh=False, transient=True) as live:
            while True:
                await asyncio.sleep(EVERY)
                states.append(await asyncio.to_thread(look))
                live.update(drawn([*states], limits), refresh=True)

    return watch


def drawn(states: list[State], limits: Limits) -> Group:
    """The state of the nest as people watch it.

    Args:
        states: at least two, in order of time; rates are between neighbours, refusals since the first.
        limits: of memory, disk and age.
    """
    now = states[-1]
    refused = now.refused - states[0].refused
    kept = f"of {limits.retention_seconds // 86_400:.0f} days" if limits.retention_seconds else ""
    return Group(
        meters(
            (
                _rate("spans", states, lambda state: state.spans),
                _rate("log records", states, lambda state: state.logs),
                _rate("requests", states, lambda state: state.requests),
                Meter("refused", f"{now.refused:,}", note=now.refusal, wrong=refused > 0),
                _level("queue", now.queue_bytes, limits.queue_bytes, MIB, "MiB"),
                _level("memory", now.memory_bytes, limits.memory_bytes, MIB, "MiB"),
                _level("disk", now.disk_bytes, limits.disk_bytes, GIB, "GiB"),
                Meter("oldest", age(now.oldest_seconds) if now.oldest_seconds else "none yet", note=kept),
            )
        ),
        Text("Ctrl-C stops the nest; nothing acknowledged is lost.", "dim"),
    )


def _rate(name: str, states: list[State], count: Callable[[State], int]) -> Meter:
    rates = [(count(b) - count(a)) / max(b.at - a.at, 1e-9) for a, b in pairwise(states)]
    return Meter(name, f"{rates[-1]:,.0f}/s", history=rates)


def _level(name: str, used: int, limit: int, unit: int, words: str) -> Meter:
    return Meter(name, f"{used / unit:,.1f} of {limit / unit:,.0f} {words}", share=used / limit)

"""Options that every command shares which asks a server, and how its errors end the command."""

from __future__ import annotations

import functools
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

import click
from rich.console import Console

from temponest.client.api import ApiError
from temponest.client.prometheus import Prometheus
from temponest.client.tempo import Tempo

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(frozen=True)
class Target:
    """Whom to ask, and how to answer.

    Attributes:
        tempo: Tempo's API.
        prometheus: Prometheus' API.
        as_json: print JSON instead of text.
    """

    tempo: Tempo
    prometheus: Prometheus
    as_json: bool

    @property
    def console(self) -> Console:
        """Standard output; as wide as it has to be when it is no terminal."""
        return Console(width=None if sys.stdout.isatty() else 160, highlight=False)

    def print_json(self, document: Any) -> None:
        """Print a document as JSON."""
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def asks(function: Callable[..., R]) -> Callable[..., R]:
    """Add `--tempo`, `--prometheus`, `--token` and `--json`, and pass a `Target` as first argument."""

    @click.option("--tempo", default="http://localhost:3200", show_default=True, help="Tempo's address.")
    @click.option(
        "--prometheus", default="http://localhost:9090", show_default=True, help="Prometheus' address."
    )
    @click.option("--token", envvar="TEMPONEST_TOKEN", help="Bearer token, where the server asks for one.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @functools.wraps(function)
    def wrapped(tempo: str, prometheus: str, token: str | None, as_json: bool, **rest: Any) -> R:
        target = Target(Tempo(tempo, token), Prometheus(prometheus, token), as_json)
        try:
            return function(target, **rest)
        except ApiError as error:
            raise click.ClickException(str(error)) from None
        finally:
            target.tempo.close()
            target.prometheus.close()

    return wrapped

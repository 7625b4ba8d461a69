"""Options that every command shares which asks a server, and how its errors end the command."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ParamSpec, TypeVar

import click
from rich.console import Console

from temponest.client.api import ApiError
from temponest.client.prometheus import Prometheus
from temponest.client.tempo import Tempo
from temponest.terminal.screen import screen

P = ParamSpec("P")
R = TypeVar("R")

TEMPO = "http://localhost:3200"
PROMETHEUS = "http://localhost:9090"


@dataclass(frozen=True)
class Target:
    """Whom to ask, and how to answer.

    Attributes:
        tempo: Tempo's API.
        prometheus: Prometheus' API.
        as_json: print JSON instead of text.
        console: standard output.
    """

    tempo: Tempo
    prometheus: Prometheus
    as_json: bool
    console: Console

    def print_json(self, document: Any, *, indent: int | None = 2) -> None:
        """Print a document as JSON; on one line without an indent."""
        click.echo(json.dumps(_finite(document), indent=indent, ensure_ascii=False))


def _finite(document: Any) -> Any:
    """The document with null for what JSON has no word for: NaN and the infinities."""
    if isinstance(document, float):
        return document if math.isfinite(document) else None
    if isinstance(document, dict):
        return {key: _finite(value) for key, value in document.items()}
    if isinstance(document, list | tuple):
        return [_finite(value) for value in document]
    return document


def said(error: ApiError) -> str:
    """What happened and what to do next."""
    if error.status is None:
        return f"{error}\nStart it with temponest serve, or give another address by --tempo and --prometheus."
    if error.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return f"{error}\nGive its token by --token or TEMPONEST_TOKEN."
    return str(error)


def asks(
    function: Callable[..., R], *, failure: type[click.ClickException] = click.ClickException
) -> Callable[..., R]:
    """Add `--tempo`, `--prometheus`, `--token` and `--json`, and pass a `Target` as first argument.

    Args:
        function: the command.
        failure: raised when the server does not answer, or refuses.
    """

    @click.option("--tempo", metavar="URL", default=TEMPO, show_default=True, help="Tempo's address.")
    @click.option(
        "--prometheus", metavar="URL", default=PROMETHEUS, show_default=True, help="Prometheus' address."
    )
    @click.option("--token", envvar="TEMPONEST_TOKEN", help="Bearer token, where the server asks for one.")
    @click.option("--json", "as_json", is_flag=True, help="Print JSON.")
    @functools.wraps(function)
    def wrapped(tempo: str, prometheus: str, token: str | None, as_json: bool, **rest: Any) -> R:
        try:
            with closing(Tempo(tempo, token)) as traces, closing(Prometheus(prometheus, token)) as metrics:
                return function(Target(traces, metrics, as_json, screen()), **rest)
        except ApiError as error:
            raise failure(said(error)) from None

    return wrapped

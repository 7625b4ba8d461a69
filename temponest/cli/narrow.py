"""`--service` and `--tag`: a query for whoever does not write TraceQL."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

import click

from temponest.client.traceql import spans_with

from .complete import services, tags

R = TypeVar("R")


def narrows(function: Callable[..., R]) -> Callable[..., R]:
    """Add `--service` and `--tag` to a command with a `query`, which is then the one that they make."""

    @click.option(
        "--service", metavar="NAME", shell_complete=services, help="Instead of QUERY: this service."
    )
    @click.option(
        "--tag", "given", metavar="KEY=VALUE", multiple=True, shell_complete=tags, callback=_pairs,
        help="Instead of QUERY: spans with this attribute; may be given several times.",
    )  # fmt: skip
    @functools.wraps(function)
    def wrapped(*args: Any, query: str | None, service: str | None, given: dict[str, str], **rest: Any) -> R:
        if query is not None and (service is not None or given):
            raise click.UsageError("QUERY stands alone: put --service and --tag into it, or leave it out")
        return function(*args, query=query or spans_with(service, given), **rest)

    return wrapped


def _pairs(ctx: click.Context, parameter: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    del ctx, parameter
    pairs = {}
    for value in values:
        name, equals, rest = value.partition("=")
        if not name or not equals:
            raise click.BadParameter(f"{value!r} is not KEY=VALUE, such as http.route=/cart")
        pairs[name] = rest
    return pairs

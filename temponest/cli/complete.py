"""What the shell is offered: services, tags and traces of the server that the command would ask."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

import click
from click.shell_completion import CompletionItem

from temponest.client.api import ApiError
from temponest.client.tempo import Tempo

from .target import TEMPO

PATIENCE = 0.5  # seconds; whoever presses Tab waits no longer
T = TypeVar("T")


def services(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Names of services."""
    del parameter
    return _starting(incomplete, _asked(ctx, lambda tempo: tempo.values("resource.service.name")))


def tags(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """`KEY=` for each attribute; behind the `=`, its values."""
    del parameter
    key, equals, _ = incomplete.partition("=")
    if equals:
        values = _asked(ctx, lambda tempo: tempo.values(f".{key}"))
        return _starting(incomplete, (f"{key}={value}" for value in values))
    return _starting(incomplete, (f"{name}=" for name in _asked(ctx, Tempo.tags)))


def trace_ids(ctx: click.Context, parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Ids of the newest traces; shells that can do so show what each is of."""
    del parameter
    found = _asked(ctx, lambda tempo: tempo.search("{}"))
    return [
        CompletionItem(one.trace_id, help=f"{one.service} {one.name}")
        for one in found
        if one.trace_id.startswith(incomplete)
    ]


def _starting(incomplete: str, words: Iterable[str]) -> list[CompletionItem]:
    return [CompletionItem(word) for word in words if word.startswith(incomplete)]


def _asked(ctx: click.Context, ask: Callable[[Tempo], list[T]]) -> list[T]:
    """The answer, or nothing: an error would land in the line that is being typed."""
    tempo = Tempo(ctx.params.get("tempo") or TEMPO, ctx.params.get("token"), timeout=PATIENCE)
    try:
        return ask(tempo)
    except ApiError:
        return []
    finally:
        tempo.close()

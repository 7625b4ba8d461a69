"""Instrumentations for the libraries of the guide, and the switch for all of them."""

from __future__ import annotations

from collections.abc import Collection
from types import ModuleType

from opentelemetry.trace import TracerProvider

from ..config import words
from ..lifecycle import report
from . import asyncpg, contrib, fastapi, httpx, redis, requests

_OURS: dict[str, ModuleType] = {
    "fastapi": fastapi,
    "asyncpg": asyncpg,
    "redis": redis,
    "httpx": httpx,
    "requests": requests,
}
_COVERED = frozenset({*_OURS, "starlette", "asgi"})


def instrument_all(
    *, disabled: Collection[str] | None = None, tracer_provider: TracerProvider | None = None
) -> None:
    """Instrument every supported library that the application has imported or will import.

    Besides the five of the guide, any OpenTelemetry instrumentation that is installed is enabled. Calling it
    again changes nothing.

    Args:
        disabled: names to leave alone, `*` for all; `OTEL_PYTHON_DISABLED_INSTRUMENTATIONS` if None.
        tracer_provider: takes the place of the global provider.
    """
    names = frozenset(words("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "") if disabled is None else disabled)
    if "*" in names:
        return
    for name, module in _OURS.items():
        if name not in names:
            try:
                module.instrument(tracer_provider=tracer_provider)
            except Exception as error:  # noqa: BLE001 - a library of an unknown shape stays untraced, no more
                report(error, f"the instrumentation {name}")
    contrib.instrument(ours=_COVERED, disabled=names, tracer_provider=tracer_provider)


def uninstrument_all() -> None:
    """Put every instrumented library back as it was."""
    contrib.uninstrument()
    for module in _OURS.values():
        module.uninstrument()

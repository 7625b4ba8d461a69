"""Instrumentations for the libraries of the guide, and the switch for all of them."""

from __future__ import annotations

from collections.abc import Collection

from opentelemetry.trace import TracerProvider

from . import asyncpg, httpx

_OURS = {"asyncpg": asyncpg, "httpx": httpx}


def instrument_all(*, disabled: Collection[str] = (), tracer_provider: TracerProvider | None = None) -> None:
    """Instrument every supported library that the application has imported or will import.

    Args:
        disabled: names to leave alone, as in `OTEL_PYTHON_DISABLED_INSTRUMENTATIONS`.
        tracer_provider: takes the place of the global provider.
    """
    for name, module in _OURS.items():
        if name not in disabled:
            module.instrument(tracer_provider=tracer_provider)


def uninstrument_all() -> None:
    """Put every instrumented library back as it was."""
    for module in _OURS.values():
        module.uninstrument()

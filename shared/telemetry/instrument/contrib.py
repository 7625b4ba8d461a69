"""Any other OpenTelemetry instrumentation that is installed, found by its entry point."""

from __future__ import annotations

import os
import re
from collections.abc import Collection
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distribution, entry_points
from typing import Any

from opentelemetry.trace import TracerProvider

from ..lifecycle import report
from .imports import forget, when_imported

_GROUP = "opentelemetry_instrumentor"
_REQUIREMENT = re.compile(r"\s*([A-Za-z0-9._-]+)[^;]*;.*extra\s*==\s*['\"]instruments(?:-any)?['\"]")
_OPT_IN = "OTEL_SEMCONV_STABILITY_OPT_IN"

_waiting: list[tuple[str, Any]] = []
_enabled: dict[str, Any] = {}


def instrument(
    *, ours: Collection[str], disabled: Collection[str] = (), tracer_provider: TracerProvider | None = None
) -> None:
    """Enable what is installed beyond our own instrumentations, each once its library is imported.

    Args:
        ours: names that this package instruments itself.
        disabled: names to leave alone.
        tracer_provider: takes the place of the global provider.
    """
    found = [entry for entry in entry_points(group=_GROUP) if entry.name not in ours]
    if found and not os.environ.get(_OPT_IN):
        # They latch this at their first use and would speak the old conventions without it.
        os.environ[_OPT_IN] = "http,database"
    for entry in found:
        if entry.name in disabled or entry.name in _enabled:
            continue
        modules = _instrumented_modules(entry.dist)
        if modules is None:
            continue

        def enable(entry: EntryPoint = entry) -> None:
            _enable(entry, tracer_provider)

        if not modules:
            enable()
        for module in modules:
            _waiting.append((module, enable))
            when_imported(module, enable)


def uninstrument() -> None:
    """Undo every one that was enabled."""
    while _waiting:
        forget(*_waiting.pop())
    while _enabled:
        name, instrumentor = _enabled.popitem()
        try:
            instrumentor.uninstrument()
        except Exception as error:  # noqa: BLE001 - somebody else's code, and others still have to be undone
            report(error, f"the end of the instrumentation {name}")


def _enable(entry: EntryPoint, tracer_provider: TracerProvider | None) -> None:
    if entry.name in _enabled:
        return
    try:
        instrumentor = entry.load()()
        instrumentor.instrument(tracer_provider=tracer_provider)
    except Exception as error:  # noqa: BLE001 - somebody else's code must not stop the application
        report(error, f"the instrumentation {entry.name}")
    else:
        _enabled[entry.name] = instrumentor


def _instrumented_modules(instrumentation: Distribution | None) -> list[str] | None:
    """Modules to wait for, none for the standard library's, or None when what it instruments is missing."""
    requirements = (instrumentation.requires if instrumentation else None) or []
    names = [match[1] for line in requirements if (match := _REQUIREMENT.match(line))]
    if not names:
        return []
    modules: list[str] = []
    for name in names:
        try:
            modules += _modules_of(distribution(name))
        except PackageNotFoundError:
            continue
    return modules or None


def _modules_of(library: Distribution) -> list[str]:
    listed = library.read_text("top_level.txt")
    if listed:
        return listed.split()
    tops = {path.parts[0] for path in library.files or () if len(path.parts) > 1 and path.suffix == ".py"}
    return sorted(top for top in tops if top.isidentifier())

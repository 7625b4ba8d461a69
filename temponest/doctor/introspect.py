"""Run as a program: import a service, watch what it sets up, and print that as one line of JSON.

A process of its own: the import may fail, hang, or change global state. Nothing is exported.
"""

from __future__ import annotations

import gc
import json
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from typing import Any

MARK = "temponest-doctor:"
LIBRARIES = ("fastapi", "asyncpg", "redis", "httpx", "requests")


def main(reference: str) -> None:
    """Print what importing `module:app` does."""
    report: dict[str, Any] = {"setups": [], "late": [], "error": None}
    _watch(report)
    module_name, _, attribute = reference.partition(":")
    try:
        app = getattr(import_module(module_name), attribute or "app")
    except BaseException as problem:  # noqa: BLE001 - whatever a service raises when it is imported is the finding
        last = traceback.extract_tb(problem.__traceback__)[-1]
        report["error"] = f"{type(problem).__name__}: {problem}"
        report["where"] = f"{last.filename}:{last.lineno}"
        report["missing"] = problem.name if isinstance(problem, ModuleNotFoundError) else None
    else:
        _describe(app, report)
    print(MARK + json.dumps(report))


def _watch(report: dict[str, Any]) -> None:
    """Note each call of the two functions, and whether an application was there before it."""
    try:
        import shared.telemetry as library
        from shared.telemetry import setup
    except ImportError as problem:
        report["library"] = str(problem)
        return

    def noted(name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            report["setups"].append(name)
            if _applications():
                report["late"].append(name)
            return original(*args, **kwargs)

        return call

    for name in ("setup_tracing", "setup_metrics"):
        watched = noted(name, getattr(library, name))
        setattr(library, name, watched)
        setattr(setup, name, watched)


def _applications() -> bool:
    """Whether an application exists."""
    starlette = sys.modules.get("starlette.applications")
    if starlette is None:
        return False
    # The type is asked, as `isinstance` would wake up lazy objects of any library.
    return any(issubclass(type(found), starlette.Starlette) for found in gc.get_objects())


def _describe(app: Any, report: dict[str, Any]) -> None:
    from opentelemetry import trace

    added = getattr(app, "user_middleware", None)
    report["asgi"] = callable(app)
    report["middlewares"] = None if added is None else [getattr(one.cls, "__name__", "?") for one in added]
    report["doubled"] = bool(getattr(app, "_is_instrumented_by_opentelemetry", False))
    report["provider"] = type(trace.get_tracer_provider()).__module__
    report["libraries"] = [name for name in LIBRARIES if name in sys.modules]


if __name__ == "__main__":
    main(sys.argv[1])

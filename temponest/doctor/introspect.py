"""Run as a program: import a service, watch what it sets up, and print that as one line of JSON.

A process of its own: the import may fail, hang, or change global state. Nothing is exported.
"""

from __future__ import annotations

import ast
import gc
import inspect
import json
import sys
import traceback
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from temponest.doctor import hop

MARK = "temponest-doctor:"
LIBRARIES = ("fastapi", "asyncpg", "redis", "httpx", "requests")


def main(reference: str) -> None:
    """Print what importing `module:app` does."""
    report: dict[str, Any] = {"setups": [], "late": [], "endpoints": {}, "error": None}
    _watch(report)
    module_name, _, attribute = reference.partition(":")
    report["written"] = _written(module_name)
    try:
        app = _made(getattr(import_module(module_name), attribute.removesuffix("()") or "app"))
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
            endpoint = kwargs.get("otlp_endpoint") or (args[3] if len(args) > 3 else None)
            report["endpoints"].setdefault(name, endpoint)
            if _applications():
                report["late"].append(name)
            return original(*args, **kwargs)

        return call

    for name in ("setup_tracing", "setup_metrics"):
        watched = noted(name, getattr(library, name))
        setattr(library, name, watched)
        setattr(setup, name, watched)


def _written(module_name: str) -> str | None:
    """Where the module itself calls `setup_tracing`: in a function's name, `__main__`, or nowhere."""
    try:
        spec = find_spec(module_name)
        tree = ast.parse(Path(spec.origin or "").read_bytes()) if spec else ast.Module([], [])
    except Exception:  # noqa: BLE001 - whatever a package raises it raises again when it is imported
        return None
    for node in ast.walk(tree):
        guard = isinstance(node, ast.If) and "__name__" in ast.unparse(node.test)
        if guard or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            calls = (one.func for one in ast.walk(node) if isinstance(one, ast.Call))
            if any(ast.unparse(one).rpartition(".")[2] == "setup_tracing" for one in calls):
                return "__main__" if guard else getattr(node, "name", None)
    return None


def _applications() -> bool:
    """Whether an application exists."""
    starlette = sys.modules.get("starlette.applications")
    if starlette is None:
        return False
    # The type is asked, as `isinstance` would wake up lazy objects of any library.
    return any(issubclass(type(found), starlette.Starlette) for found in gc.get_objects())


def _made(app: Any) -> Any:
    """The application; a function of the service's own that takes nothing is the factory that makes it."""
    if inspect.isfunction(app) and not any(
        one.default is one.empty and one.kind is not one.VAR_POSITIONAL and one.kind is not one.VAR_KEYWORD
        for one in inspect.signature(app).parameters.values()
    ):
        return app()
    return app


def _describe(app: Any, report: dict[str, Any]) -> None:
    from opentelemetry import trace

    added = getattr(app, "user_middleware", None)
    report["asgi"] = callable(app)
    report["middlewares"] = None if added is None else [getattr(one.cls, "__name__", "?") for one in added]
    report["doubled"] = bool(getattr(app, "_is_instrumented_by_opentelemetry", False))
    provider = trace.get_tracer_provider()
    report["provider"] = type(provider).__module__
    report["sampler"] = provider.sampler.get_description() if hasattr(provider, "sampler") else ""
    report["libraries"] = [name for name in LIBRARIES if name in sys.modules]
    if report["setups"] and report["asgi"]:
        report["into"] = hop.into(app)
        report["clients"] = hop.out_of_clients()


if __name__ == "__main__":
    main(sys.argv[1])

"""The arrows between rooms: every import of the repository is walked, any other arrow fails."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

NEST_MAY_IMPORT = {
    "model": set(),
    "store": {"model"},
    "ingest": {"model", "store"},
    "traceql": {"model"},
    "promql": {"model"},
    "logql": {"model", "promql"},
    "questions": {"model", "traceql", "promql", "logql"},
    "api": {"model", "questions", "traceql", "promql", "logql"},
}
FORBIDDEN_IN_LIBRARY = {"temponest", "services", "grpc", "google"}
INSTRUMENTED = {"fastapi", "starlette", "asyncpg", "redis", "httpx", "requests"}


def _modules(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*.py")))


def _imports(path: Path) -> Iterator[tuple[str, bool]]:
    """Absolute dotted names that a module imports, each with whether it does so when it is loaded."""
    package = path.relative_to(ROOT).with_suffix("").parts[:-1]
    tree = ast.parse(path.read_text())
    lazy = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        or (isinstance(node, ast.If) and ast.unparse(node.test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"})
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, id(node) not in lazy
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *((node.module,) if node.module else ())))
            yield module, id(node) not in lazy
            for alias in node.names:
                yield f"{module}.{alias.name}", id(node) not in lazy


@pytest.mark.parametrize("room", NEST_MAY_IMPORT)
def test_rooms_of_the_nest_import_only_downwards(room: str) -> None:
    allowed = NEST_MAY_IMPORT[room] | {room}
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in _modules(ROOT / "temponest" / "nest" / room)
        for name, _ in _imports(path)
        if name.startswith("temponest.")
        and name not in {"temponest.__version__", "temponest.nest", "temponest.nest."}
        and not any(f"{name}.".startswith(f"temponest.nest.{other}.") for other in allowed)
    ]
    assert wrong == []


def test_the_library_imports_nothing_of_the_nest_the_services_or_grpc() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in _modules(ROOT / "shared" / "telemetry")
        for name, _ in _imports(path)
        if name.split(".")[0] in FORBIDDEN_IN_LIBRARY
    ]
    assert wrong == []


def test_the_library_loads_no_instrumented_library_by_itself() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in _modules(ROOT / "shared" / "telemetry")
        for name, at_load in _imports(path)
        if at_load and name.split(".")[0] in INSTRUMENTED
    ]
    assert wrong == []


@pytest.mark.parametrize("room", ["cli", "client", "doctor", "demo", "files", "init", "mcp", "terminal"])
def test_tools_speak_http_to_the_nest_and_import_nothing_of_it(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in _modules(ROOT / "temponest" / room)
        if path.name not in {"serve.py", "ui.py"}  # these two start servers of the nest in this process
        for name, _ in _imports(path)
        if f"{name}.".startswith("temponest.nest.")
    ]
    assert wrong == []

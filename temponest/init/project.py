"""A project's Python files, the application among them, and what is in the way of telemetry."""

from __future__ import annotations

import ast
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from .applications import Application, applications, made_by
from .source import Source, UnsureError

# Not the service, or not its own code.
SKIPPED = frozenset(
    {
        *("node_modules", "site-packages", "venv", "env", "build", "dist", "__pycache__"),
        *("tests", "test", "testing", "examples", "docs", "docs_src", "migrations", "alembic", "scripts"),
    }
)
MARKERS = ("pyproject.toml", "requirements.txt", "setup.py", "setup.cfg", "Pipfile", ".git")
MOST_FILES = 5000  # more is a whole disk, given by mistake

# What sets the global tracer provider, or traces requests with spans of its own, by the import that shows it.
OTHERS = {
    "opentelemetry.sdk.trace.TracerProvider": "the official SDK is set up",
    "opentelemetry.sdk.metrics.MeterProvider": "the official SDK is set up",
    "opentelemetry.instrumentation.fastapi": "the official instrumentation of FastAPI is used",
    "opentelemetry.instrumentation.auto_instrumentation": "the official SDK is set up",
    "azure.monitor.opentelemetry": "Azure Monitor sets up the official SDK",
    "logfire": "logfire sets up the official SDK",
    "traceloop.sdk": "traceloop sets up the official SDK",
}
# Imported whole it is set up; its samplers and views are for TempoNest, too.
SDK = frozenset({"opentelemetry.sdk.trace", "opentelemetry.sdk.metrics"})
BESIDE = {"ddtrace": "Datadog's tracer", "newrelic": "New Relic's agent", "elasticapm": "Elastic's agent"}
_LAUNCHES = re.compile(r"^[^#\n]*\bopentelemetry-instrument\b", re.MULTILINE)
_LAUNCHERS = (
    "Dockerfile*",
    "Procfile",
    "*.sh",
    "docker-compose*.y*ml",
    "compose*.y*ml",
    "Makefile",
    "*.service",
)


@dataclass(frozen=True)
class Module:
    """One Python file that could be read."""

    source: Source
    tree: ast.Module


@dataclass(frozen=True)
class Project:
    """The files below a folder, and the one application to instrument."""

    root: Path
    modules: list[Module]
    module: Module
    app: Application

    @property
    def reference(self) -> str:
        """The application as servers name it, `app.main:app`."""
        made = made_by(self.module.tree, self.app)
        name = self.app.label if self.app.is_module_level else made or f"{self.app.label}()"
        return f"{dotted(self.root, self.module.source.path, self.modules)}:{name}"


def read(path: Path, wanted: str | None = None) -> Project:
    """Read a project and choose its application.

    Args:
        path: its folder, or the one file to look at.
        wanted: which application, `FILE:NAME` or `module:name`; needed where there are several.

    Raises:
        UnsureError: there is none, there are several, or it cannot be told how to edit it.
    """
    if not path.exists():
        raise UnsureError(f"there is no {path}")
    root = root_of(path)
    files = [path] if path.is_file() else list(_files(path))
    problems: list[str] = []
    modules = [module for file in files if (module := _module(file, problems)) is not None]
    found: list[tuple[Module, Application]] = []
    for module in modules:
        try:
            found += [(module, app) for app in applications(module.tree)]
        except UnsureError as problem:
            problems.append(f"{_relative(root, module)}: {problem}")
    module, app = _choose(root, found, modules, problems, wanted)
    return Project(root, modules, module, app)


def root_of(path: Path) -> Path:
    """The folder of a project: the nearest one upwards with its files, else the folder itself."""
    folder = (path if path.is_dir() else path.parent).resolve()
    home = Path.home()
    within = [one for one in (folder, *folder.parents) if one not in {home, *home.parents}]
    return next((one for one in within if any((one / mark).exists() for mark in MARKERS)), folder)


def dotted(root: Path, path: Path, modules: Sequence[Module]) -> str:
    """The name under which a file is imported.

    Packages have an `__init__.py`; `src` is one without it where some module imports from `src`.

    Args:
        root: the folder of the project.
        path: the file.
        modules: all of the project.
    """
    path = path.resolve()
    parts = [] if path.name == "__init__.py" else [path.stem]
    folder = path.parent
    plain = (
        None if any(name.startswith("src.") for one in modules for name, _ in _imports(one.tree)) else "src"
    )
    while (
        folder != root
        and root in folder.parents
        and ((folder / "__init__.py").exists() or folder.name != plain)
    ):
        parts.append(folder.name)
        folder = folder.parent
    return ".".join(reversed(parts))


def conflicts(project: Project) -> Iterator[str]:
    """What else traces the service, so that TempoNest would be ignored or record each request twice."""
    for module in project.modules:
        for name, line in _imports(module.tree):
            said = next((OTHERS[one] for one in OTHERS if f"{name}.".startswith(f"{one}.")), None)
            said = "the official SDK is set up" if name in SDK else said
            if said is not None:
                yield f"{_relative(project.root, module)}:{line} imports {name}: {said}"
    for pattern in _LAUNCHERS:
        for path in sorted(project.root.glob(pattern)):
            if path.is_file() and _LAUNCHES.search(path.read_text(errors="replace")):
                yield f"{path.name} starts the service by opentelemetry-instrument"
    hidden = _hides_library(project)
    if hidden is not None:
        yield f"{hidden} is a package of this project and hides TempoNest's own, which is called shared, too"


def beside(project: Project) -> list[str]:
    """Tracers that stand beside ours without harm, at a cost of their own."""
    names = {name.partition(".")[0] for module in project.modules for name, _ in _imports(module.tree)}
    return [said for name, said in BESIDE.items() if name in names]


def _hides_library(project: Project) -> str | None:
    for folder in {project.root, project.root / "src", project.module.source.path.resolve().parent}:
        for path in (folder / "shared", folder / "shared.py"):
            if path.exists() and not (path / "telemetry" / "setup.py").exists():
                is_package = path.suffix == ".py" or any(path.glob("*.py"))
                if is_package:
                    return str(path.relative_to(project.root))
    return None


def _choose(
    root: Path,
    found: list[tuple[Module, Application]],
    modules: list[Module],
    problems: list[str],
    wanted: str | None,
) -> tuple[Module, Application]:
    def label(one: tuple[Module, Application]) -> str:
        return f"{_relative(root, one[0])}:{one[1].label}"

    if wanted is not None:
        fits = [
            one
            for one in found
            if wanted in {label(one), f"{dotted(root, one[0].source.path, modules)}:{one[1].label}"}
        ]
        if len(fits) == 1:
            return fits[0]
        raise UnsureError(f"{wanted} is not one of: {', '.join(map(label, found)) or 'none found'}")
    whole = [one for one in found if not one[1].mounted] or found
    if len(whole) == 1:
        return whole[0]
    if whole:
        names = "\n".join(f"  --app {label(one)}" for one in whole)
        raise UnsureError(f"there are several applications. Choose one:\n{names}")
    if problems:
        raise UnsureError(problems[0])
    raise UnsureError("no FastAPI application was found. Give its file: temponest init path/to/main.py")


def _files(folder: Path) -> Iterator[Path]:
    """Python files of a service, in the order of their names."""
    count = 0
    for current, folders, names in os.walk(folder):
        # Environments are told by their marker, whatever they are called.
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and name not in SKIPPED
            and not (Path(current) / name / "pyvenv.cfg").exists()
        )
        for name in sorted(names):
            if name.endswith(".py") and not name.startswith("test_") and name != "conftest.py":
                count += 1
                if count > MOST_FILES:
                    raise UnsureError(
                        f"{folder} has more than {MOST_FILES} Python files. Give the service's folder"
                    )
                yield Path(current) / name


def _module(path: Path, problems: list[str]) -> Module | None:
    """A file that Python can read; another one is a problem if the application may be in it."""
    try:
        source = Source.read(path)
        return Module(source, source.tree())
    except (OSError, SyntaxError, ValueError) as problem:
        if path.exists() and b"FastAPI(" in path.read_bytes():
            problems.append(f"{path} cannot be read: {problem}")
        return None


def _imports(tree: ast.Module) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.lineno
        elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno


def _relative(root: Path, module: Module) -> str:
    return os.path.relpath(module.source.path.resolve(), root)

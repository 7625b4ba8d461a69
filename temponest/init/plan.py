"""What `temponest init` would change, before anything is."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import edit, project, requirements
from .source import Source, UnsureError, split


@dataclass(frozen=True)
class Change:
    """One file, before and after.

    Attributes:
        path: where it is.
        name: its path as people see it, from the project's folder.
        before: its bytes now.
        after: its bytes then.
        encoding: of both.
    """

    path: Path
    name: str
    before: bytes
    after: bytes
    encoding: str

    def diff(self) -> Iterator[str]:
        """Lines of a unified diff, without their ends."""
        old, new = (split(text.decode(self.encoding)) for text in (self.before, self.after))
        for line in difflib.unified_diff(old, new, f"a/{self.name}", f"b/{self.name}"):
            yield line.rstrip("\r\n")


@dataclass(frozen=True)
class Plan:
    """All of it.

    Attributes:
        root: the project's folder.
        app: the application as servers name it, `app.main:app`.
        service: its name in traces, without the prefix.
        changes: the files; none when everything is there.
        notes: what is left to people, a line each.
    """

    root: Path
    app: str
    service: str
    changes: list[Change]
    notes: list[str]


class ConflictError(UnsureError):
    """Something else traces the service already."""


def plan(path: Path, *, app: str | None = None, service: str | None = None, version: str) -> Plan:
    """Find the application and the places for the lines.

    Args:
        path: folder or file of the service.
        app: which application, where there are several.
        service: its name; the project's without one.
        version: of TempoNest, for the requirements.

    Raises:
        UnsureError: the application or a place is not certain.
        ConflictError: another tracer is in the way.
    """
    found = project.read(path, app)
    name = service or _service_name(found.root)
    present = edit.used([module.tree for module in found.modules])
    if not {*edit.SETUPS, *edit.MIDDLEWARES} <= present:
        in_the_way = list(project.conflicts(found))
        if in_the_way:
            raise ConflictError("\n".join(in_the_way))
    source = found.module.source
    changed = [source] if edit.instrument(source, found.app, name, present) else []
    required, notes = requirements.add(found.root, version)
    if required is not None:
        changed.append(required)
    notes += [
        f"{who} stands beside TempoNest: both work, at the cost of both." for who in project.beside(found)
    ]
    return Plan(found.root, found.reference, name, [_change(found.root, one) for one in changed], notes)


def _change(root: Path, source: Source) -> Change:
    path = source.path.resolve()
    name = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    return Change(path, name, path.read_bytes(), source.result().encode(source.encoding), source.encoding)


def _service_name(root: Path) -> str:
    """The project's name in `pyproject.toml`, else its folder's, as it can stand in a label."""
    name = root.name
    try:
        document = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
        name = document.get("project", document.get("tool", {}).get("poetry", {})).get("name") or name
    except (OSError, ValueError):
        pass  # the folder's name does
    return re.sub(r"[^a-z0-9]+", "-", str(name).lower()).strip("-") or "service"

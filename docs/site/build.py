"""Build the documentation site; a broken link or anchor fails the build.

    python docs/site/build.py [FOLDER]

FOLDER is `build/docs` by default; the site is in its `html`, and needs neither a server nor a network.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
HERE = Path(__file__).parent
# Pages that stand where GitHub looks for them, by their names on the site.
OUTSIDE = {
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "CHANGELOG.md": "changelog.md",
    "LICENSE": "license.md",
}
_NAMES = "|".join(map(re.escape, OUTSIDE))
_LEADS_OUT = re.compile(rf"\]\(\.\./((?:\.\./)*)({_NAMES})([)#])")
_SHIM = re.compile(r'<script src="https://unpkg.com/iframe-worker/shim"[^>]*></script>')
_LEADS_BESIDE = re.compile(rf"\]\(({_NAMES})([)#])")


def prepare(folder: Path) -> None:
    """Put all pages into `folder/source`, with links as they are there, and the configuration beside it."""
    source = folder / "source"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(DOCS, source, ignore=shutil.ignore_patterns("*.py", "*.toml", "__pycache__"))
    for page in source.rglob("*.md"):
        page.write_text(_LEADS_OUT.sub(lambda found: _link(found[1], found[2], found[3]), page.read_text()))
    for name, target in OUTSIDE.items():
        text = (ROOT / name).read_text()
        if name == "LICENSE":
            text = f"# Licence\n\n```text\n{text}\n```\n"
        text = _LEADS_BESIDE.sub(lambda found: _link("", found[1], found[2]), text)
        (source / target).write_text(text.replace("](docs/", "]("))
    # The sign of the pages in the browser.
    shutil.copy(ROOT / "web" / "public" / "favicon.svg", source / "site" / "logo.svg")
    shutil.copy(HERE / "zensical.toml", folder)


def build(folder: Path) -> str:
    """Build the site into `folder/html`.

    Returns:
        What is wrong, empty when nothing is.
    """
    prepare(folder)
    done = subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "--config-file", "zensical.toml"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        return f"{done.stdout}\n{done.stderr}"
    site = folder / "html"
    for page in site.rglob("*.html"):
        # The generator would fetch this from elsewhere, for search in pages that are opened from the disk.
        ours = f'<script src="{"../" * len(page.relative_to(site).parents[1:])}site/worker.js"></script>'
        page.write_text(_SHIM.sub(ours, page.read_text()))
    return ""


def _link(up: str, name: str, rest: str) -> str:
    return f"]({up}{OUTSIDE[name]}{rest}"


if __name__ == "__main__":
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "build" / "docs"
    wrong = build(place)
    print(wrong or f"The documentation is in {place / 'html' / 'index.html'}")
    sys.exit(bool(wrong))

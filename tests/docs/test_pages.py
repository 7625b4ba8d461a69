"""What the pages show compiles, what they point to exists, and they leave out no command."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote

import click
import pytest

from temponest.cli.main import COMMANDS, main

ROOT = Path(__file__).parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
NAMES = [str(page.relative_to(ROOT)) for page in PAGES]

_SNIPPET = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"^```.*?^```|^ {4}.*?$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\]\(<?([^)\s>]+)>?\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
RUNNABLE = [
    pytest.param(name, snippet, id=f"{name}-{number}")
    for page, name in zip(PAGES, NAMES, strict=True)
    if name != "docs/guide.md"
    for number, snippet in enumerate(_SNIPPET.findall(page.read_text()), 1)
]


def _anchors(page: Path) -> set[str]:
    """What GitHub calls the headings of a page."""
    return {
        re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        for heading in _HEADING.findall(page.read_text())
    }


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_python_snippet_compiles(page: Path) -> None:
    for snippet in _SNIPPET.findall(page.read_text()):
        compile(snippet, str(page), "exec")


@pytest.mark.parametrize(("page", "snippet"), RUNNABLE)
def test_a_snippet_runs_as_it_stands(page: str, snippet: str) -> None:
    """The guide's belong to one service, which `tests/journeys/test_guide.py` puts together and runs."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment |= {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none"}
    done = subprocess.run(  # noqa: S603 - our own snippets by this interpreter
        [sys.executable, "-W", "error", "-c", snippet],
        env=environment, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, ""), page


@pytest.mark.parametrize("page", PAGES, ids=NAMES)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    lost = []
    for link in _LINK.findall(_CODE.sub("", page.read_text())):
        address, _, anchor = link.partition("#")
        if re.match(r"[a-z]+:", address):
            continue
        target = page.parent / unquote(address) if address else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in _anchors(target)):
            lost.append(link)
    assert lost == []


def test_the_index_lists_every_page_of_its_folder() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    pages = {page.name for page in (ROOT / "docs").glob("*.md")} - {"README.md"}
    assert {name for name in pages if f"({name})" not in index} == set()


def test_the_page_of_commands_has_every_command_and_no_other() -> None:
    described = set(re.findall(r"^## `temponest ([\w-]+)", _commands(), re.MULTILINE))
    assert described == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_of_commands_has_every_option(name: str) -> None:
    command = main.get_command(click.Context(main), name)
    assert command is not None
    written = _options(f"`temponest {name}`")
    options = [
        parameter.opts + parameter.secondary_opts
        for parameter in command.params
        if isinstance(parameter, click.Option) and not parameter.hidden
    ]
    known = written | _options("Options of all that ask")
    assert [names for names in options if not known.intersection(names)] == []
    assert written <= {name for names in options for name in names}


def _options(heading: str) -> set[str]:
    section = re.search(rf"^## {re.escape(heading)}\n.*?(?=^## |\Z)", _commands(), re.MULTILINE | re.DOTALL)
    assert section is not None, heading
    return set(re.findall(r"--[a-z][a-z-]*", section[0]))


def _commands() -> str:
    return (ROOT / "docs" / "commands.md").read_text()

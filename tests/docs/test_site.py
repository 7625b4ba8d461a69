"""The documentation site builds, leads nowhere into the void, and fetches nothing from elsewhere."""

from __future__ import annotations

import importlib.util
import re
import shutil
import tomllib
from pathlib import Path
from types import ModuleType

import pytest
from playwright.sync_api import Browser

ROOT = Path(__file__).parents[2]
_LOADS = re.compile(
    r'<(?:script|img|source|iframe)[^>]*\s(?:src|srcset)="([^"]+)"|<link[^>]*\shref="([^"]+)"'
)


@pytest.fixture(scope="module")
def builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("docs_site_build", ROOT / "docs" / "site" / "build.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def site(builder: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    assert builder.build(folder) == ""
    return folder / "html"


def test_no_page_fetches_anything_from_elsewhere(site: Path) -> None:
    loaded = {
        (page.name, address)
        for page in site.rglob("*.html")
        for found in _LOADS.findall(page.read_text())
        for address in found
        if re.match(r"(https?:)?//", address)
    }
    assert loaded == set()


def test_what_a_page_loads_is_there(site: Path) -> None:
    lost = {
        (page.name, address)
        for page in site.rglob("*.html")
        if page.name != "404.html"  # it is answered at any depth, so its addresses start at the root
        for found in _LOADS.findall(page.read_text())
        for address in found
        if address and not (page.parent / address.partition("?")[0]).exists()
    }
    assert lost == set()


def test_every_page_is_in_the_navigation(site: Path) -> None:
    configuration = tomllib.loads((ROOT / "docs" / "site" / "zensical.toml").read_text())
    listed: set[str] = set()
    entries = list(configuration["project"]["nav"])
    while entries:
        for target in entries.pop().values():
            if isinstance(target, list):
                entries += target
            else:
                listed.add(target)
    source = site.parent / "source"
    assert listed == {path.relative_to(source).as_posix() for path in source.rglob("*.md")}


def test_the_search_finds_text_of_every_section(site: Path) -> None:
    index = (site / "search.json").read_text()
    for text in ("temponest init", "OTEL_TRACES_SAMPLER", "Apache License", "Report a vulnerability"):
        assert text in index


def test_the_search_works_in_a_page_that_is_opened_from_the_disk(browser: Browser, site: Path) -> None:
    page = browser.new_page()
    page.goto((site / "index.html").as_uri())
    page.keyboard.press("Control+k")
    page.locator("input:focus").wait_for()
    page.keyboard.type("TRACES_SAMPLER")
    page.get_by_text("Choose a share").first.wait_for()
    page.close()


@pytest.mark.parametrize("link", ["nowhere.md", "guide.md#nowhere", "../CONTRIBUTING.md#nowhere"])
def test_a_link_to_nowhere_fails_the_build(
    builder: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, link: str
) -> None:
    docs = tmp_path / "docs"
    shutil.copytree(ROOT / "docs", docs)
    with (docs / "guide.md").open("a") as page:
        page.write(f"\n[lost]({link})\n")
    monkeypatch.setattr(builder, "DOCS", docs)
    assert "does not exist" in re.sub(r"\x1b\[[0-9;]*m", "", builder.build(tmp_path / "site"))

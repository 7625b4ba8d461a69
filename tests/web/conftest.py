from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from temponest.nest.api.pages.files import FOLDER
from tests.web.browser import Watched, chromium, chromium_path, pages_over
from tests.web.standin import StandIn
from tests.web.traces import demo_traces

# A machine that is busy with other tests is slow, not wrong.
expect.set_options(timeout=15_000)

# A tab keeps its session storage for as long as it lives: where it is empty, the tab is new.
FORGET = """
if (!sessionStorage.getItem('seen')) {
  localStorage.clear();
  sessionStorage.setItem('seen', 'yes');
}
"""

# Every test of a page runs as each of them sees it.
VIEWS = {
    "dark-1440": ("dark", 1440, 900),
    "light-1440": ("light", 1440, 900),
    "dark-390": ("dark", 390, 844),
    "light-390": ("light", 390, 844),
}


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if chromium_path() is None:
        pytest.skip("no Chromium on PATH: apt-get install chromium")
    if not (FOLDER / "index.html").is_file():
        pytest.skip("the pages are not built: make pages")
    with chromium() as browser:
        yield browser


@pytest.fixture(scope="session")
def site() -> Iterator[tuple[StandIn, str]]:
    """One stand-in for all tests, and the address of the pages over it."""
    standin = StandIn([])
    with pages_over(standin) as base:
        yield standin, base


@pytest.fixture
def standin(site: tuple[StandIn, str]) -> StandIn:
    standin, _ = site
    standin.reset(demo_traces(time.time_ns()))
    return standin


@pytest.fixture
def base(site: tuple[StandIn, str]) -> str:
    return site[1]


@pytest.fixture(scope="session")
def contexts(browser: Browser, site: tuple[StandIn, str]) -> Iterator[dict[str, BrowserContext]]:
    """One profile for each view: its pages share the cache, as those of a reader do."""
    opened = {}
    for name, (theme, width, height) in VIEWS.items():
        opened[name] = browser.new_context(
            base_url=site[1],
            viewport={"width": width, "height": height},
            color_scheme="dark" if theme == "dark" else "light",
            locale="en-GB",
            reduced_motion="reduce",
        )
        opened[name].grant_permissions(["clipboard-read", "clipboard-write"])
        # What an earlier test chose is forgotten before the first script of a page runs.
        opened[name].add_init_script(FORGET)
    yield opened
    for context in opened.values():
        context.close()


@pytest.fixture(params=VIEWS)
def page(contexts: dict[str, BrowserContext], request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of its own; a test fails when the page breaks its policy or reports an error."""
    # Also for a test that does not look at the stand-in: the one before it may have changed it.
    request.getfixturevalue("standin")
    page = contexts[request.param].new_page()
    page.set_default_timeout(15_000)
    watched = Watched(page)
    yield page
    page.close()
    assert watched.problems == []

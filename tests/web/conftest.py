from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from temponest.nest.api.pages.files import FOLDER
from tests.web.browser import Watched, chromium, chromium_path, pages_over
from tests.web.standin import StandIn
from tests.web.traces import demo_traces

# A machine that is busy with other tests is slow, not wrong.
expect.set_options(timeout=15_000)

VIEWS = [
    pytest.param(("dark", 1440, 900), id="dark-1440"),
    pytest.param(("light", 390, 844), id="light-390"),
    pytest.param(("light", 1440, 900), id="light-1440"),
    pytest.param(("dark", 390, 844), id="dark-390"),
]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if chromium_path() is None:
        pytest.skip("no Chromium on PATH: apt-get install chromium")
    if not (FOLDER / "index.html").is_file():
        pytest.skip("the pages are not built: make pages")
    with chromium() as browser:
        yield browser


@pytest.fixture
def standin() -> StandIn:
    return StandIn(demo_traces(time.time_ns()))


@pytest.fixture
def base(standin: StandIn) -> Iterator[str]:
    with pages_over(standin) as base:
        yield base


@pytest.fixture(params=VIEWS[:2])
def page(browser: Browser, base: str, request: pytest.FixtureRequest) -> Iterator[Page]:
    """A page of its own; a test fails when the page breaks its policy or reports an error."""
    theme, width, height = request.param
    context = browser.new_context(
        base_url=base, viewport={"width": width, "height": height}, color_scheme=theme, locale="en-GB"
    )
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.set_default_timeout(15_000)
    watched = Watched(page)
    yield page
    context.close()
    assert watched.problems == []

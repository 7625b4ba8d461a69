from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from temponest.nest.api.pages import create_app
from temponest.nest.api.pages.files import FOLDER
from tests.web.browser import HERE, Watched, chromium, chromium_path, pages_of, pages_over
from tests.web.record import Record
from tests.web.replay import Recording, checked
from tests.web.shop import demo_traces, odd_traces
from tests.web.standin import StandIn

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
    with chromium("--process-per-site") as browser:
        yield browser


@dataclass
class Shop:
    """The traces behind the pages: what a test may expect to see."""

    now: int
    traces: list[list[Record]]
    odd: dict[str, list[Record]]

    @property
    def failed(self) -> list[Record]:
        """The newest trace of a run that failed."""
        return [spans for spans in self.traces if spans[0].error][-1]


@pytest.fixture(scope="session")
def site() -> Iterator[tuple[StandIn, str]]:
    """One stand-in for all tests, and the address of the pages over it."""
    standin = StandIn([])
    with pages_over(standin) as base:
        yield standin, base


@pytest.fixture(scope="session")
def recording(request: pytest.FixtureRequest) -> Recording:
    """Answers of a real Tempo and Prometheus; `tests.peers.record_pages` makes them while the tests run."""
    recorder = _recorder(request)
    return recorder.recording if recorder else Recording.read()


@pytest.fixture(scope="session")
def recorded_site(recording: Recording, request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of the pages over the recorded answers."""
    recorder = _recorder(request)
    tempo, prometheus = (
        (recorder.tempo, recorder.prometheus)
        if recorder
        else (recording.app("tempo"), recording.app("prometheus"))
    )
    with pages_of(create_app(tempo, prometheus, describe=lambda: HERE)) as base:
        yield base


def _recorder(request: pytest.FixtureRequest) -> Any:
    return request.config.pluginmanager.get_plugin("recorder")


@pytest.fixture(scope="session")
def shop(recording: Recording) -> Shop:
    """The traces that the recorded answers are about, which no test may change."""
    odd = odd_traces(recording.now)
    return Shop(recording.now, [*reversed(odd.values()), *demo_traces(recording.now)], odd)


@pytest.fixture
def standin(site: tuple[StandIn, str]) -> StandIn:
    """The computed stand-in, for a test that changes what is behind the pages."""
    standin, _ = site
    standin.reset(demo_traces(time.time_ns()))
    return standin


@pytest.fixture(scope="session")
def contexts(browser: Browser) -> Iterator[Callable[[str, str, int | None], BrowserContext]]:
    """A profile for each view of each site: its pages share the cache, as those of a reader do."""
    opened: dict[tuple[str, str], BrowserContext] = {}

    def get(view: str, base: str, now: int | None) -> BrowserContext:
        """The profile; with `now` (unix nanoseconds) its clock stands still."""
        if (view, base) not in opened:
            theme, width, height = VIEWS[view]
            context = browser.new_context(
                base_url=base,
                viewport={"width": width, "height": height},
                color_scheme="dark" if theme == "dark" else "light",
                locale="en-GB",
                reduced_motion="reduce",
            )
            context.grant_permissions(["clipboard-read", "clipboard-write"])
            # What an earlier test chose is forgotten before the first script of a page runs.
            context.add_init_script(FORGET)
            if now is not None:
                context.clock.set_fixed_time(now / 1e9)
            # One page stays open, so that those of the tests share its process and start none each.
            context.new_page().goto("/favicon.svg")
            opened[view, base] = context
        return opened[view, base]

    yield get
    for context in opened.values():
        context.close()


@pytest.fixture(params=VIEWS)
def page(
    contexts: Callable[[str, str, int | None], BrowserContext], request: pytest.FixtureRequest
) -> Iterator[Page]:
    """A page of its own; a test fails when the page breaks its policy or reports an error.

    It is over the computed stand-in for a test that takes `standin`, over the recorded answers for any other.
    """
    if "standin" in request.fixturenames:
        context = contexts(request.param, request.getfixturevalue("site")[1], None)
        kept: AbstractContextManager[None] = contextlib.nullcontext()
    else:
        recording = request.getfixturevalue("recording")
        context = contexts(request.param, request.getfixturevalue("recorded_site"), recording.now)
        kept = checked(recording)
    page = context.new_page()
    page.set_default_timeout(15_000)
    watched = Watched(page)
    with kept:
        yield page
        recorder = _recorder(request)
        while recorder and not recorder.recording.settled():
            page.wait_for_timeout(100)
        page.close()
    assert watched.problems == []

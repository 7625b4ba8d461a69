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
from tests.web.browser import HERE, PATIENCE, Watched, pages_of, pages_over
from tests.web.loki import LokiStandIn
from tests.web.record import Record
from tests.web.replay import Recording, checked
from tests.web.shop import demo_traces, late_traces, odd_traces
from tests.web.standin import StandIn

expect.set_options(timeout=PATIENCE)

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
def browser(browser: Browser) -> Browser:
    """The browser of all tests, where the pages are built."""
    if not (FOLDER / "index.html").is_file():
        pytest.skip("the pages are not built: make pages")
    return browser


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


@dataclass
class Place:
    """The pages over recorded answers: their address, and the Loki besides, which is a stand-in."""

    base: str
    loki: LokiStandIn


@contextlib.contextmanager
def _place(recording: Recording, recorder: Any, *names: str) -> Iterator[Place]:
    tempo, prometheus = (recorder.servers[name] if recorder else recording.app(name) for name in names)
    loki = LokiStandIn()
    app = create_app(tempo, prometheus, loki.app(), describe=lambda: HERE)
    with pages_of(app) as base:
        yield Place(base, loki)


@pytest.fixture(scope="session")
def recorded_site(recording: Recording, request: pytest.FixtureRequest) -> Iterator[Place]:
    """A Tempo and a Prometheus with all that the shop has sent."""
    with _place(recording, _recorder(request), "tempo", "prometheus") as place:
        yield place


@pytest.fixture(scope="session")
def empty_site(recording: Recording, request: pytest.FixtureRequest) -> Iterator[Place]:
    """A Tempo to which nothing was sent."""
    with _place(recording, _recorder(request), "empty tempo", "prometheus") as place:
        yield place


@pytest.fixture(scope="session")
def late_site(recording: Recording, request: pytest.FixtureRequest) -> Iterator[Place]:
    """A Tempo with a trace that is still running, and with one that is larger than it may answer."""
    with _place(recording, _recorder(request), "late tempo", "prometheus") as place:
        yield place


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


@pytest.fixture
def empty(empty_site: Place) -> Place:
    """For a test of pages behind which nothing is stored."""
    return empty_site


@dataclass
class Late:
    """Traces behind the pages, the last span of one not yet."""

    running: list[Record]
    large: list[Record]
    arrive: Callable[[], None]


@pytest.fixture
def late(recording: Recording, request: pytest.FixtureRequest) -> Iterator[Late]:
    """For a test during which a span arrives."""
    recorder = _recorder(request)

    def arrive() -> None:
        if recorder:
            recorder.arrive()
        recording.since = ", later"

    yield Late(**late_traces(recording.now), arrive=arrive)
    recording.since = ""


@pytest.fixture
def loki(recorded_site: Place) -> Iterator[LokiStandIn]:
    """The Loki beside the recorded Tempo, for a test that puts lines into it."""
    yield recorded_site.loki
    recorded_site.loki.lines = None


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

    It is over the computed stand-in for a test that takes `standin`, over the recorded answers for any other:
    those of a Tempo with nothing in it for `empty`, of one to which something is still sent for `late`.
    """
    if "standin" in request.fixturenames:
        context = contexts(request.param, request.getfixturevalue("site")[1], None)
        kept: AbstractContextManager[None] = contextlib.nullcontext()
    else:
        name = next((name for name in ("empty", "late") if name in request.fixturenames), "recorded")
        recording = request.getfixturevalue("recording")
        context = contexts(request.param, request.getfixturevalue(f"{name}_site").base, recording.now)
        kept = checked(recording)
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    watched = Watched(page)
    with kept:
        yield page
        recorder = _recorder(request)
        while recorder and not recorder.recording.settled():
            page.wait_for_timeout(100)
        page.close()
    assert watched.problems == []

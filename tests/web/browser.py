"""Chromium by Playwright, and the pages over the stand-in, for the tests and the screenshots."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, ConsoleMessage, FloatRect, Locator, Page, sync_playwright
from starlette.types import ASGIApp

from temponest.nest.api.pages import create_app
from tests.nest.serving import serving
from tests.web import prometheus
from tests.web.standin import StandIn

# Milliseconds. A machine that is busy with other tests is slow, not wrong.
PATIENCE = 30_000

# What the nest says of itself to the pages.
HERE = {
    "otlp_grpc": "http://127.0.0.1:4317",
    "otlp_http": "http://127.0.0.1:4318",
    "last_refused": {
        "time": 1_790_000_000,
        "reason": "413: the body is larger than 64 MiB",
        "from": "127.0.0.1",
    },
}


def chromium_path() -> str | None:
    """The Chromium of the system, or None."""
    return shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")


@contextlib.contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """A headless browser, with further arguments of its command line; it ends with the block."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium_path(),
            # Under root, as in a container, Chromium's own sandbox cannot start.
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--force-color-profile=srgb",
                "--font-render-hinting=none",
                *arguments,
            ],
        )
        try:
            yield browser
        finally:
            browser.close()


@contextlib.contextmanager
def pages_over(standin: StandIn) -> Iterator[str]:
    """Base address of the pages over a stand-in."""
    app = create_app(standin.app(), prometheus.create_app(), describe=lambda: HERE)
    with pages_of(app) as base:
        yield base


@contextlib.contextmanager
def pages_of(app: ASGIApp) -> Iterator[str]:
    """Base address of an application that has the pages."""
    with serving(app) as client:
        yield str(client.base_url).rstrip("/")


def copied(button: Locator) -> str:
    """What a click on a button puts into the clipboard."""
    before = "nothing is copied yet"
    button.page.evaluate("text => navigator.clipboard.writeText(text)", before)
    button.click()
    text, until = before, time.monotonic() + PATIENCE / 1000
    while text == before and time.monotonic() < until:
        text = str(button.page.evaluate("navigator.clipboard.readText()"))
    return text


def box_of(part: Locator) -> FloatRect:
    """Where a part is on the screen, once it rests there."""
    part.scroll_into_view_if_needed()
    box = part.bounding_box()
    assert box
    return box


class Watched:
    """Collects what a page must never do: break its policy, throw, or print an error."""

    def __init__(self, page: Page) -> None:
        self.problems: list[str] = []
        page.on("pageerror", lambda error: self.problems.append(f"threw {error}"))
        page.on("console", self._console)

    def _console(self, message: ConsoleMessage) -> None:
        # A refused request is shown by the page itself; Chromium prints it besides.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.problems.append(message.text)


@contextlib.contextmanager
def exported(page: Page, browser: Browser, folder: Path) -> Iterator[Page]:
    """The trace of a page as the file that it exports, opened without any network; nothing in it may fail."""
    with page.expect_download() as download:
        page.get_by_role("button", name="Export HTML").click()
    file = folder / download.value.suggested_filename
    download.value.save_as(file)
    context = browser.new_context(offline=True)
    alone = context.new_page()
    watched = Watched(alone)
    alone.goto(file.as_uri())
    yield alone
    assert watched.problems == []
    context.close()

"""Makes the screenshots of the documentation: `python docs/screenshots/make.py [--url http://localhost:16686]`.

With --url the running nest is shown (start `make demo` first), without it the fixed demo traces of the tests.
Needs Chromium on PATH and built pages (`make pages`).
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

import httpx  # noqa: E402 - the repository's root comes first
from playwright.sync_api import Browser, Page  # noqa: E402 - the same

from tests.web.browser import chromium, pages_over  # noqa: E402 - the same
from tests.web.standin import StandIn  # noqa: E402 - the same
from tests.web.traces import demo_traces  # noqa: E402 - the same

RUN = '{ name =~ "POST /api/v1/agents/.*" && nestedSetParent < 0 }'


def newest_run(base: str) -> str:
    """Id of the newest agent run, from Tempo's API."""
    now = int(time.time())
    query: dict[str, str | int] = {"q": RUN, "limit": 20, "start": now - 86400, "end": now + 1}
    traces = httpx.get(f"{base}/tempo/api/search", params=query).raise_for_status().json()["traces"]
    # The demo's runs end with work in the background: an older one is complete.
    return str(traces[len(traces) // 2]["traceID"])


def brush(page: Page) -> None:
    """Select the slow third of the heatmap."""
    box = page.get_by_role("application").bounding_box()
    if box is None:
        raise RuntimeError("the page shows no heatmap")
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] * 0.3, steps=3)
    page.mouse.up()
    page.get_by_role("region", name="What is different here?").locator("h3").first.wait_for()


def open_run(page: Page) -> None:
    """Show the details of the span in the middle of the work."""
    page.get_by_role("treeitem").nth(5).click()


def shots(base: str) -> dict[str, tuple[str, Callable[[Page], None]]]:
    """Name of each picture, the address it shows, and what a person does there."""
    run = newest_run(base)
    return {
        "explore": ("/?range=5m", lambda page: page.get_by_role("row").nth(5).wait_for()),
        "difference": ("/?range=5m&q=%7B+name+%3D~+%22POST+%2Fapi%2Fv1%2Fagents%2F.*%22+%7D", brush),
        "trace": (f"/trace/{run}", open_run),
        "services": (
            "/services?by=route&range=5m",
            lambda page: page.get_by_role("group", name="Service map").wait_for(),
        ),
        "flame": (f"/trace/{run}?view=flame", lambda page: page.get_by_role("tabpanel").wait_for()),
    }


def make(browser: Browser, base: str) -> None:
    """Write every picture in both themes."""
    for theme in ("dark", "light"):
        context = browser.new_context(
            base_url=base,
            viewport={"width": 1440, "height": 900},
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce",
        )
        page = context.new_page()
        for name, (address, act) in shots(base).items():
            page.goto(address)
            act(page)
            page.mouse.move(700, 20)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=HERE / f"{name}-{theme}.png")
            print(HERE.name, f"{name}-{theme}.png")
        context.close()


def main() -> None:
    """Read the options and make the pictures."""
    parser = argparse.ArgumentParser(description="Make the screenshots of the documentation.")
    parser.add_argument("--url", help="address of running pages, such as http://localhost:16686")
    url = parser.parse_args().url
    with chromium() as browser:
        if url:
            make(browser, url.rstrip("/"))
        else:
            with pages_over(StandIn(demo_traces(time.time_ns()))) as base:
                make(browser, base)


if __name__ == "__main__":
    main()

"""Makes the screenshots of the documentation: `python docs/screenshots/make.py [--url http://localhost:16686]`.

It runs the demo for some minutes and shows its traffic; with --url, that of a demo that runs already.
Needs Chromium on PATH and built pages (`make pages`).
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlencode

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

import httpx  # noqa: E402 - the repository's root comes first
from playwright.sync_api import Browser, Page  # noqa: E402 - the same

from temponest.demo.ports import LOOPBACK, free_ports  # noqa: E402 - the same
from temponest.demo.process import Process  # noqa: E402 - the same
from temponest.demo.stack import ports_from  # noqa: E402 - the same
from tests.web.browser import chromium  # noqa: E402 - the same

PANELS = [
    "sum by (job) (rate(http_server_request_duration_seconds_count[1m]))",
    "histogram_quantile(0.95, sum by (job, le) (rate(http_server_request_duration_seconds_bucket[5m])))",
    "sum by (job) (rate(process_cpu_time_seconds_total[1m]))",
    "sum by (job) (process_memory_usage_bytes)",
]
RUN = '{ name = "POST /api/v1/agents/{agent_id}/runs" && nestedSetParent < 0 }'
REQUESTS = urlencode({"q": "{ kind = server && nestedSetParent < 0 }"})
RANGE = "5m"
TRAFFIC = 330.0  # seconds of traffic, enough to fill the range
PATIENCE = 90_000  # milliseconds for one step on a page: the demo keeps the machine busy


def runs(base: str) -> tuple[str, str]:
    """Ids of two of the newest agent runs, from Tempo's API: one to show, one to compare it with."""
    now = int(time.time())
    query: dict[str, str | int] = {"q": RUN, "limit": 20, "start": now - 86400, "end": now + 1}
    traces = httpx.get(f"{base}/tempo/api/search", params=query).raise_for_status().json()["traces"]
    # The demo's runs end with work in the background: an older one is complete.
    older = traces[len(traces) // 2 :]
    slowest = max(older[1:], key=lambda trace: trace["durationMs"])
    return str(older[0]["traceID"]), str(slowest["traceID"])


def brush(page: Page) -> None:
    """Select the slow half of the heatmap."""
    box = page.get_by_role("application").bounding_box()
    if box is None:
        raise RuntimeError("the page shows no heatmap")
    page.mouse.move(box["x"] + 2, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] * 0.5, steps=3)
    page.mouse.up()
    page.get_by_role("region", name="What is different here?").locator("h3").first.wait_for()


def open_run(page: Page) -> None:
    """Show the details of the span in the middle of the work."""
    page.get_by_role("treeitem").nth(5).click()


def select_area(page: Page) -> None:
    """Draw a rectangle over the right half of the flame graph."""
    box = page.locator(".flame").bounding_box()
    if box is None:
        raise RuntimeError("the page shows no flame graph")
    page.mouse.move(box["x"] + box["width"] * 0.5, box["y"] + 30)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.95, box["y"] + 80, steps=3)
    page.mouse.up()
    page.get_by_role("table", name="Operations in the area").wait_for()


def shots(base: str) -> dict[str, tuple[str, Callable[[Page], None]]]:
    """Name of each picture, the address it shows, and what a person does there."""
    run, other = runs(base)
    return {
        "explore": (f"/?range={RANGE}", lambda page: page.get_by_role("row").nth(5).wait_for()),
        "difference": (f"/?range={RANGE}&{REQUESTS}", brush),
        "trace": (f"/trace/{run}", open_run),
        "services": (
            f"/services?by=route&range={RANGE}",
            lambda page: page.get_by_role("group", name="Service map").wait_for(),
        ),
        "flame": (f"/trace/{run}?view=flame", select_area),
        "compare": (
            f"/compare/{run}/{other}",
            lambda page: page.get_by_role("table", name="Differences").wait_for(),
        ),
        "metrics": (
            f"/metrics?range={RANGE}&" + urlencode({"p": PANELS}, doseq=True),
            lambda page: page.get_by_role("figure").nth(len(PANELS) - 1).wait_for(),
        ),
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
        page.set_default_timeout(PATIENCE)
        for name, (address, act) in shots(base).items():
            page.goto(address)
            act(page)
            page.mouse.move(700, 20)
            page.wait_for_load_state("networkidle")
            page.screenshot(path=HERE / f"{name}-{theme}.png")
            print(HERE.name, f"{name}-{theme}.png", flush=True)
            if name == "services":
                panel = page.locator("section").filter(has=page.get_by_role("group", name="Service map"))
                panel.screenshot(path=HERE / f"map-{theme}.png")
        context.close()


@contextlib.contextmanager
def demo() -> Iterator[str]:
    """Address of the pages of a demo that has had enough traffic."""
    with tempfile.TemporaryDirectory() as folder:
        ports = ports_from(free_ports(1)[0])
        command = [sys.executable, "-m", "temponest", "demo", f"--port-base={min(ports.values())}"]
        process = Process("demo", command, log=Path(folder) / "demo.log")
        try:
            base = f"http://{LOOPBACK}:{ports['pages']}"
            wait_for_runs(process, base)
            print(f"{TRAFFIC:.0f} s of traffic ...", flush=True)
            time.sleep(TRAFFIC)
            process.check()
            yield base
        finally:
            process.stop()


def wait_for_runs(process: Process, base: str) -> None:
    """Return when the demo has traced its first runs."""
    while True:
        process.check()
        with contextlib.suppress(httpx.HTTPError, IndexError, ValueError):
            runs(base)
            return
        time.sleep(1)


def main() -> None:
    """Read the options and make the pictures."""
    parser = argparse.ArgumentParser(description="Make the screenshots of the documentation.")
    parser.add_argument(
        "--url", help="address of the pages of a running demo, such as http://localhost:16686"
    )
    url = parser.parse_args().url
    with contextlib.nullcontext(url.rstrip("/")) if url else demo() as base, chromium() as browser:
        make(browser, base)


if __name__ == "__main__":
    main()

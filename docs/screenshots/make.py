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
from urllib.parse import urlencode

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[1]))

import httpx  # noqa: E402 - the repository's root comes first
from playwright.sync_api import Browser, Page  # noqa: E402 - the same

from tests.web.browser import chromium, pages_over  # noqa: E402 - the same
from tests.web.standin import StandIn  # noqa: E402 - the same
from tests.web.traces import demo_traces  # noqa: E402 - the same

PANELS = [
    "sum by (job) (rate(http_server_request_duration_seconds_count[1m]))",
    "histogram_quantile(0.95, sum by (job, le) (rate(http_server_request_duration_seconds_bucket[5m])))",
    "sum by (job) (rate(process_cpu_time_seconds_total[1m]))",
    "sum by (job) (process_memory_usage_bytes)",
]
RUN = '{ name =~ "POST /api/v1/agents/.*" && nestedSetParent < 0 }'


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


def shots(base: str, span: str) -> dict[str, tuple[str, Callable[[Page], None]]]:
    """Name of each picture, the address it shows (its time range is `span`), and what a person does there."""
    run, other = runs(base)
    return {
        "explore": (f"/?range={span}", lambda page: page.get_by_role("row").nth(5).wait_for()),
        "difference": (f"/?range={span}&q=%7B+name+%3D~+%22POST+%2Fapi%2Fv1%2Fagents%2F.*%22+%7D", brush),
        "trace": (f"/trace/{run}", open_run),
        "services": (
            f"/services?by=route&range={span}",
            lambda page: page.get_by_role("group", name="Service map").wait_for(),
        ),
        "flame": (f"/trace/{run}?view=flame", lambda page: page.get_by_role("tabpanel").wait_for()),
        "compare": (
            f"/compare/{run}/{other}",
            lambda page: page.get_by_role("table", name="Differences").wait_for(),
        ),
        "metrics": (
            f"/metrics?range={span}&" + urlencode({"p": PANELS}, doseq=True),
            lambda page: page.get_by_role("figure").nth(len(PANELS) - 1).wait_for(),
        ),
    }


def shop() -> StandIn:
    """The fixed demo traces, with metrics of the calls between their services and exemplars."""
    standin = StandIn(demo_traces(time.time_ns()))
    runs = [spans[0] for spans in standin.traces.values() if spans[0].name.endswith("/run")]
    standin.prometheus.exemplars = [(s.start / 1e9, s.duration / 1e9, s.trace_id.hex()) for s in runs]
    standin.prometheus.edges = [
        ("temponest-agents", "temponest-auth", 4.1, 0.0),
        ("temponest-agents", "postgresql", 38.0, 0.2),
        ("temponest-agents", "redis", 4.2, 0.0),
        ("temponest-agents", "hooks.example.com", 2.1, 0.3),
        ("temponest-auth", "postgresql", 2.6, 0.0),
        ("temponest-auth", "redis", 4.1, 0.0),
    ]
    return standin


def make(browser: Browser, base: str, span: str) -> None:
    """Write every picture in both themes."""
    for theme in ("dark", "light"):
        context = browser.new_context(
            base_url=base,
            viewport={"width": 1440, "height": 900},
            color_scheme="dark" if theme == "dark" else "light",
            reduced_motion="reduce",
        )
        page = context.new_page()
        for name, (address, act) in shots(base, span).items():
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
            make(browser, url.rstrip("/"), "5m")
        else:
            with pages_over(shop()) as base:
                make(browser, base, "1h")


if __name__ == "__main__":
    main()

"""The pages on large traces: first paint, clicks, scrolling and memory, in a real browser.

`python -m benchmarks pages [-- SPANS ...]`, by default 1,000, 10,000 and 50,000 spans over 24 services.
CPU is that of the page's main thread: on a busy machine it tells what the pages are answerable for.
First paint runs from the start of the navigation, download of the trace included, to the frame after the
first rows are in place. A click runs from the event to the frame that shows its effect.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

from playwright.sync_api import CDPSession, Page
from rich.console import Console
from rich.table import Table
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from temponest.nest.api.pages import create_app
from tests.nest.serving import serving
from tests.web.browser import chromium
from tests.web.traces import delimited, encode, large_trace

SIZES = (1_000, 10_000, 50_000)
COLUMNS = (
    "spans",
    "answer",
    "first paint",
    "CPU of it",
    "click, median",
    "click, worst",
    "most CPU",
    "scroll, p95 frame",
    "heap",
    "nodes",
)
PAINT_MS = 1_000
CLICK_MS = 100

# Runs before the page: notes when the first row is painted, and how long each action takes to show.
WATCH = """
window.actions = [];
new MutationObserver((_, observer) => {
  if (!document.querySelector('[role=treeitem]')) return;
  observer.disconnect();
  requestAnimationFrame(() => requestAnimationFrame((now) => { window.firstPaint = now; }));
}).observe(document, {childList: true, subtree: true});
for (const type of ['click', 'keydown', 'input']) {
  addEventListener(type, (event) => {
    const from = event.timeStamp;
    requestAnimationFrame(() => requestAnimationFrame((now) => window.actions.push(now - from)));
  }, true);
}
"""
# The policy of the page forbids Playwright's own waiting for an expression.
UNTIL = """
async (value) => {
  while (value() === undefined) await new Promise(requestAnimationFrame);
  return value();
}
"""
SCROLL = """
async () => {
  const list = document.querySelector('[role=tree]');
  const frames = [];
  let before = await new Promise(requestAnimationFrame);
  for (let i = 0; i < 120; i++) {
    list.scrollTop += 1500;
    const now = await new Promise(requestAnimationFrame);
    frames.push(now - before);
    before = now;
  }
  return frames;
}
"""


def main(options: list[str]) -> None:
    """Measure each size in a fresh page and print one table."""
    sizes = [int(option) for option in options] or list(SIZES)
    bodies = {}
    for size in sizes:
        spans = large_trace(size, time.time_ns() - 600 * 10**9)
        body = delimited(1, encode(spans).SerializeToString())
        bodies[f"{size:032x}"] = (size, body)
    table = Table(title="The trace page in Chromium")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    with serving(create_app(_tempo({key: body for key, (_, body) in bodies.items()}), None)) as client:
        base = str(client.base_url).rstrip("/")
        with chromium() as browser:
            for trace_id, (size, body) in bodies.items():
                context = browser.new_context(viewport={"width": 1440, "height": 900})
                page = context.new_page()
                page.add_init_script(WATCH)
                table.add_row(
                    f"{size:,}", f"{len(body) / 1e6:.1f} MB", *_measure(page, f"{base}/trace/{trace_id}")
                )
                context.close()
    console = Console(width=140)
    console.print(table)
    console.print(f"Load of the machine meanwhile: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.")
    console.print(f"Budgets at 50,000 spans: first paint {PAINT_MS} ms, every click {CLICK_MS} ms.")


def _tempo(bodies: dict[str, bytes]) -> Starlette:
    async def trace(request: Request) -> Response:
        body = bodies.get(request.path_params["id"])
        if body is None:
            return PlainTextResponse("not found", 404)
        return Response(body, media_type="application/protobuf")

    return Starlette(routes=[Route("/api/v2/traces/{id}", trace)])


def _measure(page: Page, address: str) -> list[str]:
    # Once for the browser's caches of code, as a reader's second trace of the day.
    page.goto(address)
    page.get_by_role("treeitem").first.wait_for()
    page.goto("about:blank")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(address)
    paint = page.evaluate(f"({UNTIL})(() => window.firstPaint)")
    paint_cpu = _cpu(session)
    actions = [_act(page, session, action) for action in _actions(page)]
    shown = [wall for wall, _ in actions]
    frames = sorted(page.evaluate(SCROLL))
    return [
        _ms(paint, PAINT_MS),
        _ms(paint_cpu),
        _ms(statistics.median(shown), CLICK_MS),
        _ms(max(shown), CLICK_MS),
        _ms(max(cpu for _, cpu in actions)),
        _ms(frames[int(len(frames) * 0.95)]),
        f"{_heap(session) / 1e6:.0f} MB",
        f"{page.locator('*').count():,}",
    ]


def _actions(page: Page) -> list[Callable[[], None]]:
    rows = page.get_by_role("treeitem")
    press = page.keyboard.press
    return [
        lambda: rows.nth(4).click(),
        lambda: rows.nth(9).click(),
        lambda: press("ArrowLeft"),
        lambda: press("ArrowRight"),
        lambda: press("End"),
        lambda: press("Home"),
        lambda: press("e"),
        lambda: press("w"),
        lambda: press("0"),
        lambda: press("]"),
        lambda: press("["),
        lambda: press("c"),
        lambda: press("c"),
        lambda: press("x"),
        lambda: press("x"),
        lambda: page.get_by_role("searchbox").fill("operation 17"),
        lambda: page.get_by_label("Only matches").click(),
        lambda: page.get_by_role("searchbox").fill(""),
        lambda: page.get_by_role("tab", name="Flame graph").click(),
        lambda: page.get_by_role("tab", name="Statistics").click(),
        lambda: page.get_by_role("tab", name="Waterfall").click(),
    ]


def _act(page: Page, session: CDPSession, action: Callable[[], None]) -> tuple[float, float]:
    before, cpu = page.evaluate("window.actions.length"), _cpu(session)
    action()
    wall = float(page.evaluate(f"({UNTIL})(() => window.actions[{before}])"))
    return wall, _cpu(session) - cpu


def _cpu(session: CDPSession) -> float:
    metrics = session.send("Performance.getMetrics")["metrics"]
    return float(next(one["value"] for one in metrics if one["name"] == "TaskDuration")) * 1000


def _ms(value: float, budget: float | None = None) -> str:
    text = f"{value:.0f} ms"
    return f"[red]{text}[/red]" if budget is not None and value > budget else text


def _heap(session: CDPSession) -> float:
    session.send("HeapProfiler.collectGarbage")
    used = session.send("Runtime.getHeapUsage")
    return float(used["usedSize"]) + float(used.get("backingStorageSize", 0))


if __name__ == "__main__":
    main([])

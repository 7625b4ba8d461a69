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
from dataclasses import dataclass

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
from tests.web.encode import delimited, encode
from tests.web.large import large_trace

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
    measures = []
    with serving(create_app(_tempo({key: body for key, (_, body) in bodies.items()}), None)) as client:
        base = str(client.base_url).rstrip("/")
        with chromium() as browser:
            for trace_id, (size, body) in bodies.items():
                context = browser.new_context(viewport={"width": 1440, "height": 900})
                page = context.new_page()
                page.add_init_script(WATCH)
                measure = _measure(page, size, f"{base}/trace/{trace_id}")
                measures.append(measure)
                table.add_row(f"{size:,}", f"{len(body) / 1e6:.1f} MB", *_cells(measure))
                context.close()
    console = Console(width=140)
    console.print(table)
    console.print(f"Load of the machine meanwhile: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores.")
    for measure in measures:
        console.print(_verdict(measure))


def _tempo(bodies: dict[str, bytes]) -> Starlette:
    async def trace(request: Request) -> Response:
        body = bodies.get(request.path_params["id"])
        if body is None:
            return PlainTextResponse("not found", 404)
        return Response(body, media_type="application/protobuf")

    return Starlette(routes=[Route("/api/v2/traces/{id}", trace)])


@dataclass(frozen=True)
class Measure:
    """What one size took; times in milliseconds."""

    size: int
    paint: float
    paint_cpu: float
    # Name of each action, the time to the frame that shows it, and the CPU time of it.
    actions: list[tuple[str, float, float]]
    frame_p95: float
    heap_mb: float
    nodes: int

    @property
    def slowest(self) -> tuple[str, float, float]:
        """The action that took longest to show."""
        return max(self.actions, key=lambda action: action[1])


def _measure(page: Page, size: int, address: str) -> Measure:
    # Once for the browser's caches of code, as a reader's second trace of the day.
    page.goto(address)
    page.get_by_role("treeitem").first.wait_for()
    page.goto("about:blank")
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(address)
    paint = float(page.evaluate(f"({UNTIL})(() => window.firstPaint)"))
    paint_cpu = _cpu(session)
    actions = [(name, *_act(page, session, action)) for name, action in _actions(page)]
    frames = sorted(page.evaluate(SCROLL))
    return Measure(
        size=size,
        paint=paint,
        paint_cpu=paint_cpu,
        actions=actions,
        frame_p95=frames[int(len(frames) * 0.95)],
        heap_mb=_heap(session) / 1e6,
        nodes=page.locator("*").count(),
    )


def _cells(measure: Measure) -> list[str]:
    shown = [wall for _, wall, _ in measure.actions]
    return [
        _ms(measure.paint, PAINT_MS),
        _ms(measure.paint_cpu),
        _ms(statistics.median(shown), CLICK_MS),
        _ms(max(shown), CLICK_MS),
        _ms(max(cpu for _, _, cpu in measure.actions)),
        _ms(measure.frame_p95),
        f"{measure.heap_mb:.0f} MB",
        f"{measure.nodes:,}",
    ]


def _verdict(measure: Measure) -> str:
    """One line: whether the budgets were kept, and what missed them by how much."""
    name, wall, cpu = measure.slowest
    paint = "kept" if measure.paint <= PAINT_MS else "missed"
    click = "kept" if wall <= CLICK_MS else "missed"
    return (
        f"{measure.size:,} spans: first paint {measure.paint:.0f} ms of {PAINT_MS} {paint}; "
        f"slowest click ({name}) {wall:.0f} ms of {CLICK_MS} {click}, {cpu:.0f} ms of it CPU."
    )


def _actions(page: Page) -> list[tuple[str, Callable[[], None]]]:
    """What a reader does, in order: a name and the doing of it."""
    rows = page.get_by_role("treeitem")
    find = page.get_by_role("searchbox")

    def key(name: str, what: str) -> tuple[str, Callable[[], None]]:
        return what, lambda: page.keyboard.press(name)

    def tab(name: str) -> tuple[str, Callable[[], None]]:
        return name.lower(), lambda: page.get_by_role("tab", name=name).click()

    return [
        ("open details", lambda: rows.nth(4).click()),
        ("select another span", lambda: rows.nth(9).click()),
        key("ArrowLeft", "collapse"),
        key("ArrowRight", "expand"),
        key("End", "last row"),
        key("Home", "first row"),
        key("e", "next error"),
        key("w", "zoom in"),
        key("0", "all of the time"),
        key("]", "collapse everything"),
        key("[", "expand everything"),
        key("c", "hide the path"),
        key("c", "show the path"),
        key("x", "unfold"),
        key("x", "fold"),
        ("find", lambda: find.fill("operation 17")),
        ("only matches", lambda: page.get_by_label("Only matches").click()),
        ("clear find", lambda: find.fill("")),
        tab("Flame graph"),
        tab("Statistics"),
        tab("Critical path"),
        tab("Waterfall"),
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

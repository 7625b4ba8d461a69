"""Log lines on the time axis of a trace."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.web.browser import box_of, exported
from tests.web.conftest import Shop
from tests.web.loki import LokiStandIn
from tests.web.record import Record

HOSTILE = '<img src=x onerror="window.hurt=1">'


@pytest.fixture
def spans(shop: Shop, loki: LokiStandIn) -> list[Record]:
    """A trace with log lines of its spans, one of them hostile, and two lines that name no span of it."""
    spans = shop.failed
    root, run = spans[0], next(s for s in spans if s.name == "run agent")
    trace = {"trace_id": run.trace_id.hex()}
    own = {**trace, "service_name": run.service, "span_id": run.span_id.hex()}
    loose = {**trace, "service_name": "temponest-auth"}
    loki.lines = [
        ({**own, "detected_level": "info"}, run.start + run.duration // 4, "calling the model"),
        ({**own, "detected_level": "warn"}, run.start + run.duration // 2, f"slow {HOSTILE}"),
        ({**own, "detected_level": "error"}, run.start + run.duration * 3 // 4, "giving up"),
        ({**loose, "detected_level": "error"}, root.start + root.duration // 4, "the cache is full"),
        ({**loose, "detected_level": "debug"}, root.start + root.duration * 3 // 4, "the cache is trimmed"),
    ]
    return spans


def address(spans: list[Record]) -> str:
    return f"/trace/{spans[0].trace_id.hex()}"


def place(page: Page, spans: list[Record], moment: int) -> tuple[float, float]:
    """Where a moment is drawn on the bar of `run agent`."""
    first = min(s.start for s in spans)
    length = max(s.start + s.duration for s in spans) - first
    expect(page.get_by_role("group", name="Log lines", exact=True)).to_be_visible()
    row = page.get_by_role("treeitem", name=re.compile("^run agent"))
    bars = box_of(page.locator("canvas.bars"))
    box = box_of(row)
    return bars["x"] + (moment - first) / length * bars["width"], box["y"] + box["height"] / 2


def test_a_log_line_is_a_mark_on_its_bar_that_tells_and_opens_it(
    page: Page, loki: LokiStandIn, spans: list[Record]
) -> None:
    page.goto(address(spans))
    assert loki.lines
    moment = loki.lines[1][1]
    x, y = place(page, spans, moment)
    page.mouse.move(x, y)
    expect(page.get_by_role("tooltip")).to_contain_text(f"warn slow {HOSTILE}")
    page.mouse.click(x, y)
    detail = page.get_by_role("complementary", name="Span details")
    line = detail.get_by_role("list", name="Log lines of the span").locator("[aria-current]")
    expect(line).to_contain_text(f"warn slow {HOSTILE}")
    expect(line).to_be_in_viewport()
    expect(page).to_have_url(re.compile(f"at={moment}"))
    page.reload()
    expect(line).to_contain_text("slow")
    assert page.evaluate("window.hurt") is None


def test_an_event_is_told_and_opened_by_its_mark(page: Page, spans: list[Record]) -> None:
    run = next(s for s in spans if s.name == "run agent")
    moment, name, attributes = next(e for e in run.events if e[1] == "exception")
    page.goto(address(spans))
    x, y = place(page, spans, moment)
    page.mouse.move(x, y)
    expect(page.get_by_role("tooltip")).to_contain_text(
        f"{name} exception.type={attributes['exception.type']}"
    )
    page.mouse.click(x, y)
    detail = page.get_by_role("complementary", name="Span details")
    expect(detail.get_by_text("exception.type", exact=True)).to_be_visible()


def test_log_lines_are_reached_by_keyboard_and_said_by_their_row(page: Page, spans: list[Record]) -> None:
    page.goto(address(spans))
    row = page.get_by_role("treeitem", name=re.compile("^run agent,.*3 log lines, 1 of them an error"))
    expect(row).to_be_visible()
    current = page.get_by_role("list", name="Log lines of the span").locator("[aria-current]")
    lane = page.get_by_role("group", name="Log lines without a span")
    page.keyboard.press("j")
    expect(lane.get_by_role("button", pressed=True)).to_have_accessible_name(re.compile("the cache is full"))
    for text in ("calling the model", "slow", "giving up"):
        page.keyboard.press("j")
        expect(current).to_contain_text(text)
    page.keyboard.press("Shift+J")
    expect(current).to_contain_text("slow")
    page.get_by_role("button", name="Next of 2 errors").click()
    expect(current).to_contain_text("giving up")


def test_log_lines_without_a_span_have_a_lane_of_their_own(page: Page, spans: list[Record]) -> None:
    page.goto(address(spans))
    lane = page.get_by_role("group", name="Log lines without a span")
    expect(lane.get_by_role("button")).to_have_count(2)
    lane.get_by_role("button", name=re.compile("^error temponest-auth: the cache is full")).focus()
    expect(page.get_by_role("tooltip")).to_contain_text("the cache is full")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tooltip")).to_contain_text("the cache is trimmed")
    page.keyboard.press("Enter")
    expect(lane.get_by_role("button", pressed=True)).to_have_count(1)
    expect(page).to_have_url(re.compile("at="))
    page.keyboard.press("Escape")
    expect(lane.get_by_role("button", pressed=True)).to_have_count(0)


def test_an_exported_trace_has_its_log_lines(
    page: Page, browser: Browser, spans: list[Record], tmp_path: Path
) -> None:
    page.goto(address(spans))
    expect(page.get_by_role("group", name="Log lines", exact=True)).to_be_visible()
    with exported(page, browser, tmp_path) as alone:
        expect(
            alone.get_by_role("group", name="Log lines without a span").get_by_role("button")
        ).to_have_count(2)
        alone.get_by_role("tab", name="Logs").click()
        expect(alone.get_by_role("table", name="Events in order of time")).to_contain_text(f"slow {HOSTILE}")
        assert alone.evaluate("window.hurt") is None


def test_log_lines_that_cannot_be_read_are_told(page: Page, spans: list[Record]) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=503, body="the store of logs is starting")

    page.route("**/loki/**", refuse)
    page.goto(address(spans))
    expect(page.get_by_role("alert")).to_contain_text("the store of logs is starting")
    expect(page.get_by_role("treeitem", name=re.compile("^run agent"))).to_be_visible()

"""Coming closer in time on a trace, and traces of any size."""

from __future__ import annotations

import re
import time

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.web.large import large_trace
from tests.web.standin import StandIn


@pytest.fixture
def trace(page: Page, standin: StandIn) -> Page:
    """The page of the newest run that failed."""
    spans = [spans for spans in standin.traces.values() if spans[0].error][-1]
    page.goto(f"/trace/{spans[0].trace_id.hex()}")
    expect(page.get_by_role("treeitem").first).to_be_visible()
    return page


def box_of(part: Locator) -> tuple[float, float, float, float]:
    """Left, top, width and height on the screen."""
    box = part.bounding_box()
    assert box
    return box["x"], box["y"], box["width"], box["height"]


def zoom_of(page: Page) -> tuple[int, int]:
    """What the address says is visible, in nanoseconds of the trace."""
    expect(page).to_have_url(re.compile(r"zoom=\d+-\d+"))
    found = re.search(r"zoom=(\d+)-(\d+)", page.url)
    assert found
    return int(found[1]), int(found[2])


def test_dragging_over_the_minimap_zooms_and_a_double_click_shows_all(trace: Page) -> None:
    left, top, width, height = box_of(trace.locator(".minimap .strip"))
    trace.mouse.move(left + width * 0.25, top + height / 2)
    trace.mouse.down()
    trace.mouse.move(left + width * 0.5, top + height / 2, steps=4)
    trace.mouse.up()
    start, end = zoom_of(trace)
    assert start / (end - start) == pytest.approx(1, abs=0.1)
    trace.mouse.dblclick(left + width * 0.9, top + height / 2)
    expect(trace).not_to_have_url(re.compile("zoom="))


def test_the_wheel_with_ctrl_zooms_at_the_pointer(trace: Page) -> None:
    left, top, width, _ = box_of(trace.get_by_role("tree"))
    trace.mouse.move(left + width - 3, top + 40)
    trace.keyboard.down("Control")
    trace.mouse.wheel(0, -200)
    trace.keyboard.up("Control")
    start, end = zoom_of(trace)
    # The end of the trace is beneath the pointer, and stays there.
    assert start > end * 0.3


def test_the_column_of_names_is_as_wide_as_it_was_dragged(trace: Page) -> None:
    grip = trace.locator(".grip")
    if trace.viewport_size and trace.viewport_size["width"] < 620:
        expect(grip).to_have_count(0)
        return
    left, top, width, height = box_of(grip)
    trace.mouse.move(left + width / 2, top + height / 2)
    trace.mouse.down()
    trace.mouse.move(left + 120, top + height / 2, steps=3)
    trace.mouse.up()
    moved = box_of(grip)[0]
    assert moved - left == pytest.approx(120, abs=8)
    trace.reload()
    expect(trace.get_by_role("treeitem").first).to_be_visible()
    assert box_of(grip)[0] == pytest.approx(moved, abs=1)


def test_a_large_trace_has_only_the_rows_in_sight_in_the_page(page: Page, standin: StandIn) -> None:
    spans = large_trace(5000, time.time_ns())
    standin.traces = {spans[0].trace_id.hex(): spans}
    page.goto(f"/trace/{spans[0].trace_id.hex()}?nofold")
    items = page.get_by_role("treeitem")
    expect(page.get_by_text("5,000 spans")).to_be_visible()
    expect(items.first).to_be_visible()
    assert items.count() < 80
    first = items.first.get_attribute("aria-label")
    page.keyboard.press("End")
    expect(items.first).not_to_have_attribute("aria-label", first or "")
    expect(page.locator("[role=treeitem][aria-selected=true]")).to_be_visible()
    assert items.count() < 80

"""Coming closer in time on a trace, and traces of any size."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.web.browser import box_of
from tests.web.conftest import Shop
from tests.web.large import large_trace
from tests.web.standin import StandIn


@pytest.fixture
def trace(page: Page, shop: Shop) -> Page:
    """The page of the newest run that failed."""
    page.goto(f"/trace/{shop.failed[0].trace_id.hex()}")
    expect(page.get_by_role("treeitem").first).to_be_visible()
    return page


def zoomed(page: Page, holds: Callable[[int, int], bool]) -> None:
    """Wait until it holds for what the address says is visible, in nanoseconds of the trace.

    The address follows what is shown a moment later.
    """

    def there(url: str) -> bool:
        found = re.search(r"zoom=(\d+)-(\d+)", url)
        return found is not None and holds(int(found[1]), int(found[2]))

    page.wait_for_url(there)


def test_dragging_over_the_minimap_zooms_and_a_double_click_shows_all(trace: Page) -> None:
    strip = box_of(trace.locator(".minimap .strip"))
    middle = strip["y"] + strip["height"] / 2
    trace.mouse.move(strip["x"] + strip["width"] * 0.25, middle)
    trace.mouse.down()
    trace.mouse.move(strip["x"] + strip["width"] * 0.5, middle, steps=4)
    trace.mouse.up()
    zoomed(trace, lambda start, end: start / (end - start) == pytest.approx(1, abs=0.1))
    trace.mouse.dblclick(strip["x"] + strip["width"] * 0.9, middle)
    expect(trace).not_to_have_url(re.compile("zoom="))


def test_the_wheel_with_ctrl_zooms_at_the_pointer(trace: Page) -> None:
    tree = box_of(trace.get_by_role("tree"))
    trace.mouse.move(tree["x"] + tree["width"] - 3, tree["y"] + 40)
    trace.keyboard.down("Control")
    trace.mouse.wheel(0, -200)
    trace.keyboard.up("Control")
    # The end of the trace is beneath the pointer, and stays there.
    zoomed(trace, lambda start, end: start > end * 0.3)


def test_the_column_of_names_is_as_wide_as_it_was_dragged(trace: Page) -> None:
    grip = trace.locator(".grip")
    if trace.viewport_size and trace.viewport_size["width"] < 620:
        expect(grip).to_have_count(0)
        return
    box = box_of(grip)
    middle = box["y"] + box["height"] / 2
    trace.mouse.move(box["x"] + box["width"] / 2, middle)
    trace.mouse.down()
    trace.mouse.move(box["x"] + 120, middle, steps=3)
    trace.mouse.up()
    moved = box_of(grip)["x"]
    assert moved - box["x"] == pytest.approx(120, abs=8)
    trace.reload()
    expect(trace.get_by_role("treeitem").first).to_be_visible()
    assert box_of(grip)["x"] == pytest.approx(moved, abs=1)


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

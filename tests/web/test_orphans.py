"""Spans that came without their parent: told in the list, and given a place in the tree."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.web.conftest import Shop
from tests.web.record import Record


@pytest.fixture
def headless(shop: Shop) -> list[Record]:
    """A run without its span `run agent`."""
    return shop.odd["orphans"]


def beneath_the_missing(spans: list[Record]) -> tuple[bytes, list[Record]]:
    """The id of the parent that is not among the spans, and its children."""
    known = {s.span_id for s in spans} | {b""}
    children = [s for s in spans if s.parent_id not in known]
    return children[0].parent_id, children


def test_the_list_counts_the_orphans_of_each_trace(page: Page, shop: Shop, headless: list[Record]) -> None:
    _, children = beneath_the_missing(headless)
    ids = {s.span_id for s in children}
    orphans = [s for s in headless if s.span_id in ids or s.parent_id in ids]
    oldest = min(s[0].start for s in shop.traces) // 10**9
    newest = min(s[0].start for s in shop.traces if s not in shop.odd.values()) // 10**9
    page.goto(f"/?from={oldest - 60}&to={newest - 1}")
    rows = page.get_by_role("table", name="Traces").locator("tbody tr")
    expect(rows).to_have_count(len(shop.odd))
    row = rows.filter(has=page.locator(f'a[href^="/trace/{headless[0].trace_id.hex()}"]'))
    expect(row.get_by_text(f"{len(orphans)} orphaned")).to_be_visible()
    # Of the others only the circle is out of reach of its root.
    expect(page.get_by_text(re.compile(r"^\d+ orphaned$"))).to_have_count(2)


def test_a_missing_parent_has_a_row_above_its_children(page: Page, headless: list[Record]) -> None:
    gone, children = beneath_the_missing(headless)
    page.goto(f"/trace/{headless[0].trace_id.hex()}")
    row = page.get_by_role(
        "treeitem",
        name=f"Missing parent {gone.hex()}, not received, {len(children)} spans beneath it, at least",
    )
    expect(row).to_have_attribute("aria-level", "1")
    expect(row).to_contain_text("missing parent")
    below = row.locator("xpath=following-sibling::*[1]")
    expect(below).to_have_attribute("aria-level", "2")
    expect(below).to_contain_text("step plan")
    row.click()
    expect(page.get_by_role("complementary", name="Span details")).to_contain_text("step plan")


def test_the_keyboard_walks_over_a_missing_parent(page: Page, headless: list[Record]) -> None:
    page.goto(f"/trace/{headless[0].trace_id.hex()}")
    expect(page.get_by_role("treeitem").first).to_be_visible()
    page.get_by_role("treeitem", name=re.compile("^temponest-agents step plan")).click()
    detail = page.get_by_role("complementary", name="Span details")
    expect(detail.get_by_role("heading").first).to_contain_text("step plan")
    page.keyboard.press("ArrowUp")
    expect(detail.get_by_role("heading").first).not_to_contain_text("step plan")
    page.keyboard.press("ArrowDown")
    expect(detail.get_by_role("heading").first).to_contain_text("step plan")

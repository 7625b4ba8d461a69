"""Spans that came without their parent: told in the list, and given a place in the tree."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, expect

from tests.web.record import Record
from tests.web.standin import StandIn


@pytest.fixture
def headless(standin: StandIn) -> tuple[list[Record], Record]:
    """The newest run that failed, without its span `run agent`, and that span."""
    spans = [spans for spans in standin.traces.values() if spans[0].error][-1]
    gone = next(s for s in spans if s.name == "run agent")
    spans.remove(gone)
    return spans, gone


def test_the_list_counts_the_orphans_of_each_trace(page: Page, headless: tuple[list[Record], Record]) -> None:
    spans, gone = headless
    children = {s.span_id for s in spans if s.parent_id == gone.span_id}
    beneath = children | {s.span_id for s in spans if s.parent_id in children}
    page.goto("/?q=%7B+status+%3D+error+%7D")
    row = page.get_by_role("row").filter(has=page.locator(f'a[href^="/trace/{spans[0].trace_id.hex()}"]'))
    expect(row.get_by_text(f"{len(beneath)} orphaned")).to_be_visible()
    expect(page.get_by_text(re.compile(r"^\d+ orphaned$"))).to_have_count(1)


def test_a_missing_parent_has_a_row_above_its_children(
    page: Page, headless: tuple[list[Record], Record]
) -> None:
    spans, gone = headless
    children = [s for s in spans if s.parent_id == gone.span_id]
    page.goto(f"/trace/{spans[0].trace_id.hex()}")
    row = page.get_by_role(
        "treeitem",
        name=f"Missing parent {gone.span_id.hex()}, not received, {len(children)} spans beneath it, at least",
    )
    expect(row).to_have_attribute("aria-level", "1")
    expect(row).to_contain_text("missing parent")
    below = row.locator("xpath=following-sibling::*[1]")
    expect(below).to_have_attribute("aria-level", "2")
    expect(below).to_contain_text("step plan")
    row.click()
    expect(page.get_by_role("complementary", name="Span details")).to_contain_text("step plan")


def test_the_keyboard_walks_over_a_missing_parent(page: Page, headless: tuple[list[Record], Record]) -> None:
    spans, _ = headless
    page.goto(f"/trace/{spans[0].trace_id.hex()}")
    expect(page.get_by_role("treeitem").first).to_be_visible()
    page.get_by_role("treeitem", name=re.compile("^temponest-agents step plan")).click()
    detail = page.get_by_role("complementary", name="Span details")
    expect(detail.get_by_role("heading").first).to_contain_text("step plan")
    page.keyboard.press("ArrowUp")
    expect(detail.get_by_role("heading").first).not_to_contain_text("step plan")
    page.keyboard.press("ArrowDown")
    expect(detail.get_by_role("heading").first).to_contain_text("step plan")

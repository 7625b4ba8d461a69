"""The flame graph: an area of it is selected and summed, and the address keeps it."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.web.browser import box_of
from tests.web.conftest import Shop


@pytest.fixture
def graph(page: Page, shop: Shop) -> Page:
    """The flame graph of the newest run that failed."""
    page.goto(f"/trace/{shop.failed[0].trace_id.hex()}?view=flame")
    expect(frame(page, "run agent")).to_be_visible()
    return page


def frame(page: Page, name: str) -> Locator:
    """The frame of an operation of the agents."""
    return page.get_by_role("button", name=re.compile(f"^{name} .*: temponest-agents,"))


def drag_over(page: Page, frame: Locator) -> None:
    """Draw a rectangle inside of a frame, down to the one beneath."""
    box = box_of(frame)
    page.mouse.move(box["x"] + box["width"] * 0.1, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.9, box["y"] + box["height"] * 1.5, steps=4)
    page.mouse.up()


def test_dragging_over_the_graph_sums_the_operations_of_the_area(graph: Page) -> None:
    drag_over(graph, frame(graph, "run agent"))
    rows = graph.get_by_role("table", name="Operations in the area").locator("tbody tr")
    expect(rows.filter(has_text="run agent")).to_have_count(1)
    expect(rows.filter(has_text="step search")).to_have_count(1)
    expect(rows.filter(has_text="SELECT documents")).to_have_count(0)
    rows.filter(has_text="step search").get_by_role("button").click()
    expect(graph).not_to_have_url(re.compile("view=flame"))
    expect(graph.get_by_role("complementary", name="Span details")).to_contain_text("step search")


def test_an_area_is_selected_and_grown_by_keyboard_alone(graph: Page) -> None:
    frame(graph, "step plan").focus()
    graph.keyboard.press("Shift+Enter")
    region = graph.get_by_role("region", name="Selected area")
    expect(region).to_contain_text("1 operation,")
    frame(graph, "step search").focus()
    graph.keyboard.press("Shift+Enter")
    table = region.get_by_role("table", name="Operations in the area")
    expect(table).to_contain_text("step plan")
    expect(table).to_contain_text("SELECT documents")
    graph.keyboard.press("Escape")
    expect(region).to_have_count(0)
    expect(graph).not_to_have_url(re.compile("area="))


def test_a_selected_area_and_its_zoom_survive_a_reload(graph: Page) -> None:
    drag_over(graph, frame(graph, "run agent"))
    expect(graph).to_have_url(re.compile(r"area=\d+-\d+-\d+-\d+"))
    wide = box_of(frame(graph, "step search"))
    graph.get_by_role("button", name="Zoom to the area").click()
    expect(graph).to_have_url(re.compile("near"))
    graph.reload()
    expect(graph.get_by_role("button", name="Zoom to the area")).to_have_attribute("aria-pressed", "true")
    expect(graph.get_by_role("table", name="Operations in the area")).to_contain_text("step search")
    near = box_of(frame(graph, "step search"))
    assert near["width"] > wide["width"]
    graph.get_by_role("button", name="Clear the area").click()
    expect(graph.get_by_role("region", name="Selected area")).to_have_count(0)


def test_the_frame_and_the_weight_survive_a_reload(graph: Page) -> None:
    graph.get_by_label("Critical path only").check()
    frame(graph, "run agent").click()
    expect(graph).to_have_url(re.compile("onpath=.*frame="))
    graph.reload()
    expect(graph.get_by_label("Critical path only")).to_be_checked()
    expect(graph.get_by_role("table", name="Called by")).to_contain_text("POST /api/v1/agents/{agent_id}/run")
    graph.get_by_role("button", name="Whole trace").click()
    expect(graph.get_by_role("table", name="Called by")).to_have_count(0)


def test_find_dims_every_frame_that_does_not_match(graph: Page) -> None:
    graph.get_by_role("searchbox", name="Find in this trace").fill("step search")
    expect(frame(graph, "step search")).not_to_have_class(re.compile(r"\bdim\b"))
    expect(frame(graph, "step plan")).to_have_class(re.compile(r"\bdim\b"))

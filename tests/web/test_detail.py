"""What the details of a span do with its values."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.web.browser import copied
from tests.web.conftest import Shop
from tests.web.shop import PROMPT
from tests.web.standin import StandIn


@pytest.fixture
def detail(page: Page, shop: Shop) -> Locator:
    """The details of a span with values of every kind."""
    spans = shop.odd["values"]
    page.goto(f"/trace/{spans[0].trace_id.hex()}?span={spans[0].span_id.hex()}")
    return page.get_by_role("complementary", name="Span details")


def pair(detail: Locator, key: str) -> Locator:
    """An attribute and its value."""
    return detail.locator(".pair").filter(has=detail.page.get_by_text(key, exact=True))


def test_json_is_a_tree_that_opens_member_by_member(detail: Locator) -> None:
    answer = pair(detail, "answer")
    expect(answer.get_by_text("3 keys")).to_be_visible()
    text = answer.get_by_text("<b>forty-two</b>")
    expect(text).to_be_hidden()
    answer.get_by_text("choices").click()
    answer.get_by_text("2 keys").click()
    expect(text).to_be_visible()
    expect(pair(detail, "tags").get_by_text("2 items")).to_be_visible()


def test_a_value_that_is_nested_without_end_opens_one_level_at_a_time(page: Page, standin: StandIn) -> None:
    spans = [spans for spans in standin.traces.values() if spans[0].error][-1]
    deep = "[" * 20_000 + "]" * 20_000
    spans[0].attributes |= {"deep": deep, "gen_ai.operation.name": "chat", "gen_ai.input.messages": deep}
    page.goto(f"/trace/{spans[0].trace_id.hex()}?span={spans[0].span_id.hex()}")
    detail = page.get_by_role("complementary", name="Span details")
    levels = pair(detail, "deep").get_by_text("1 item")
    expect(levels).to_have_count(1)
    levels.click()
    expect(levels).to_have_count(2)


def test_a_long_value_is_cut_until_it_is_asked_for_and_copied_whole(detail: Locator) -> None:
    prompt = pair(detail, "prompt")
    whole = prompt.locator("pre")
    expect(whole).to_be_hidden()
    prompt.get_by_text("all 2 kB").click()
    expect(whole).to_be_visible()
    prompt.hover()
    assert copied(prompt.get_by_role("button", name="Copy prompt", exact=True)) == PROMPT
    assert copied(prompt.get_by_role("button", name="Copy the key prompt")) == "prompt"


def test_attributes_stand_by_where_they_belong_and_a_link_leads_to_its_span(detail: Locator) -> None:
    for heading in ("Attributes", "Resource", "Scope", "1 link"):
        expect(detail.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    detail.get_by_role("link", name=re.compile("^trace [0-9a-f]+… span")).click()
    expect(detail.get_by_role("heading").first).to_have_text(re.compile("^SELECT "))

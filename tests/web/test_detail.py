"""What the details of a span do with its values."""

from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.web.standin import StandIn

ANSWER = {"model": "small", "choices": [{"text": "<b>forty-two</b>", "tokens": 3}], "done": True}


@pytest.fixture
def detail(page: Page, standin: StandIn) -> Locator:
    """The details of a span with values of every kind."""
    spans = [spans for spans in standin.traces.values() if spans[0].error][-1]
    spans[0].attributes |= {"answer": json.dumps(ANSWER), "prompt": "word " * 400, "tags": ["a", "b"]}
    spans[0].links.append((spans[1].trace_id, spans[1].span_id))
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


def test_a_long_value_is_cut_until_it_is_asked_for_and_copied_whole(detail: Locator) -> None:
    prompt = pair(detail, "prompt")
    whole = prompt.locator("pre")
    expect(whole).to_be_hidden()
    prompt.get_by_text("all 2 kB").click()
    expect(whole).to_be_visible()
    prompt.hover()
    prompt.get_by_role("button", name="Copy prompt", exact=True).click()
    assert detail.page.evaluate("navigator.clipboard.readText()") == "word " * 400
    prompt.get_by_role("button", name="Copy the key prompt").click()
    assert detail.page.evaluate("navigator.clipboard.readText()") == "prompt"


def test_attributes_stand_by_where_they_belong_and_a_link_leads_to_its_span(detail: Locator) -> None:
    for heading in ("Attributes", "Resource", "Scope", "1 link"):
        expect(detail.get_by_role("heading", name=heading, exact=True)).to_be_visible()
    detail.get_by_role("link", name=re.compile("^trace [0-9a-f]+… span")).click()
    expect(detail.get_by_role("heading").first).to_have_text("GET")

"""Metrics by PromQL: completed, drawn, refused."""

from __future__ import annotations

import re
from urllib.parse import parse_qs, urlsplit

from playwright.sync_api import Page, expect


def test_metrics_are_completed_drawn_and_lead_to_traces(page: Page) -> None:
    page.goto("/metrics")
    page.get_by_role("button", name="Add a panel").click()
    query = page.get_by_role("combobox", name="PromQL of panel 1")
    query.press_sequentially("http_server_act")
    page.get_by_role("option", name=re.compile("http_server_active_requests")).click()
    query.press_sequentially("{job=")
    page.get_by_role("option", name=re.compile("temponest-auth")).click()
    query.press_sequentially("}")
    with page.expect_request(re.compile("/query_range.*active_requests")) as asked:
        query.press("Enter")
    expect(page.get_by_role("figure", name="http_server_active_requests")).to_be_visible()
    (expression,) = parse_qs(urlsplit(asked.value.url).query)["query"]
    assert expression == 'http_server_active_requests{job="temponest-auth"}'
    page.get_by_role("button", name="http_server_request_duration_seconds_bucket", exact=True).click()
    expect(page.get_by_text(re.compile(r"\d exemplars: click a dot for its trace"))).to_be_visible()


def test_a_wrong_promql_shows_prometheus_words(page: Page) -> None:
    page.goto("/metrics?p=rate(x")
    expect(page.get_by_role("alert")).to_contain_text("unclosed left parenthesis")


def test_metrics_offer_panels_to_start_with(page: Page) -> None:
    page.goto("/metrics")
    page.get_by_role("button", name=re.compile("^Requests a second")).click()
    expect(page.get_by_role("figure", name="http_server_request_duration_seconds_count")).to_be_visible()
    page.get_by_role("button", name=re.compile(r"^All \d")).click()
    expect(page.get_by_role("combobox", name=re.compile("PromQL of panel"))).to_have_count(5)

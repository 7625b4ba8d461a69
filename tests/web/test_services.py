from __future__ import annotations

import re

import pytest
from playwright.sync_api import Page, Route, expect

from tests.web.conftest import Shop
from tests.web.shop_metrics import calls


def test_services_show_rate_errors_and_duration(page: Page, shop: Shop) -> None:
    page.goto("/services")
    table = page.get_by_role("table", name="Rate, errors and duration")
    expect(table.locator("tbody tr")).to_have_count(2)
    page.get_by_role("button", name="By route").click()
    row = table.get_by_role("row", name="POST /api/v1/login")
    expect(row).to_be_visible()
    durations = sorted(s.duration for t in shop.traces for s in t if s.name == "POST /api/v1/login")
    middle = durations[len(durations) // 2] / 1e6
    # A phone shows fewer columns.
    columns = table.get_by_role("columnheader").all_inner_texts()
    cell = row.get_by_role("cell").nth([text.strip() for text in columns].index("p50"))
    expect(cell).to_have_text(re.compile(r"^[\d.]+ ms$"))
    # Quantiles come out of buckets, in Tempo as in the nest.
    assert float(cell.inner_text().split()[0]) == pytest.approx(middle, rel=0.05)
    costs = page.get_by_role("table", name="Costs by service")
    expect(costs.get_by_role("row", name=re.compile("temponest-agents"))).to_contain_text("0.7 %")


def test_a_point_of_a_service_leads_to_its_trace(page: Page) -> None:
    page.goto("/services")
    page.get_by_role("button", name="temponest-agents", exact=True).click()
    # Until those of the service arrive, the charts of all are there.
    charts = page.get_by_role("region", name="Charts")
    expect(charts.get_by_role("heading", name="temponest-agents")).to_be_visible()
    expect(charts).to_have_attribute("aria-busy", "false")
    over = charts.get_by_role("figure", name="Duration").locator(".u-over")
    expect(over).to_be_visible()
    over.click(position={"x": 200, "y": 3})
    expect(page).to_have_url(re.compile("/(trace|\\?q=)"))


def test_the_map_shows_who_calls_whom(page: Page) -> None:
    page.goto("/services")
    chart = page.get_by_role("group", name="Service map")
    expect(
        chart.get_by_role("button", name=re.compile(": temponest-agents to temponest-auth$"))
    ).to_be_attached()
    node = chart.get_by_role("button", name=re.compile("^temponest-auth .*: show only"))
    node.focus()
    node.press("Enter")
    expect(page).to_have_url(re.compile("focus=temponest-auth"))
    expect(chart.get_by_role("button", name=re.compile("hooks.example.com"))).to_have_count(0)


def test_the_map_prefers_service_graph_metrics(page: Page, shop: Shop) -> None:
    page.goto("/services")
    expect(page.get_by_text("calls a second, with errors and the 95th percentile")).to_be_visible()
    edge = page.get_by_role("button", name=re.compile(": temponest-agents to temponest-auth$"))
    label = edge.get_attribute("aria-label") or ""
    found = re.match(r"([\d.]+) /(s|min) ", label)
    assert found, label
    rate = float(found[1]) / (60 if found[2] == "min" else 1)
    assert rate == pytest.approx(calls(shop.traces, "temponest-agents", "temponest-auth") / 3600, rel=0.1)


def test_the_map_waits_for_the_names_of_the_services(page: Page) -> None:
    held: list[Route] = []
    page.route("**/tempo/api/metrics/query?*", lambda route: held.append(route))
    with page.expect_response(re.compile("service_graph_request_server")):
        page.goto("/services")
    expect(page.get_by_role("table", name="Costs by service")).to_be_visible()
    edge = page.get_by_role("button", name=re.compile(": temponest-agents to temponest-auth$"))
    expect(edge).to_have_count(0)
    for route in held:
        route.continue_()
    expect(edge).to_be_attached()


def test_all_services_are_charted_until_one_is_chosen(page: Page) -> None:
    page.goto("/services")
    charts = page.get_by_role("region", name="Charts")
    expect(charts.get_by_role("heading", name="All services")).to_be_visible()
    expect(charts.get_by_role("figure", name="Requests")).to_contain_text("temponest-auth")
    page.get_by_role("button", name="temponest-agents", exact=True).click()
    expect(charts.get_by_role("heading", name="temponest-agents")).to_be_visible()
    charts.get_by_role("button", name="All services").click()
    expect(page).to_have_url(re.compile("/services$"))


def test_an_edge_of_the_map_leads_to_its_traces(page: Page) -> None:
    page.goto("/services")
    edge = page.get_by_role("button", name=re.compile(": temponest-agents to temponest-auth$"))
    edge.focus()
    edge.press("Enter")
    query = page.get_by_role("combobox", name="TraceQL query")
    expect(query).to_have_value(
        '{ resource.service.name = "temponest-agents" } > { resource.service.name = "temponest-auth" }'
    )
    expect(page.get_by_role("table", name="Traces").locator("tbody tr").first).to_be_visible()


def test_services_are_sorted_by_impact(page: Page) -> None:
    page.goto("/services?by=route")
    table = page.get_by_role("table", name="Rate, errors and duration")
    expect(table.locator("tbody tr").first).to_contain_text("/run")
    expect(table.get_by_role("columnheader", name="Impact")).to_have_attribute("aria-sort", "descending")
    table.get_by_role("button", name="p95").click()
    expect(table.get_by_role("columnheader", name="p95")).to_have_attribute("aria-sort", "descending")

from __future__ import annotations

import re
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.web.browser import box_of, copied
from tests.web.conftest import Shop


def test_the_newest_traces_come_first_and_a_cut_is_told(page: Page, shop: Shop) -> None:
    page.goto("/")
    rows = page.get_by_role("table", name="Traces").locator("tbody tr")
    expect(rows).to_have_count(50)
    expect(page.get_by_role("heading", name=f"Newest 50 of {len(shop.traces)} traces")).to_be_visible()
    newest = max(shop.traces, key=lambda spans: spans[0].start)
    expect(rows.first).to_contain_text(newest[0].name)
    page.get_by_role("button", name="Show up to 200").click()
    expect(rows).to_have_count(200)


def test_the_builder_writes_the_query_and_the_query_fills_the_builder(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Service", exact=True).select_option("temponest-auth")
    page.get_by_label("Longer than").fill("1.5ms")
    page.get_by_label("Longer than").press("Enter")
    query = page.get_by_role("combobox", name="TraceQL query")
    expect(query).to_have_value('{ resource.service.name = "temponest-auth" && duration >= 1500us }')
    query.fill('{ name = "SELECT users" && .http.status_code = 404 }')
    query.press("Enter")
    expect(page.get_by_label("Operation")).to_have_value("SELECT users")
    expect(page.get_by_label("Tags")).to_have_value("http.status_code=404")
    expect(page.get_by_label("Service", exact=True)).to_have_value("")


def test_a_search_for_a_tag_finds_responses_by_status(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Tags").fill("http.response.status_code=404")
    with page.expect_request(re.compile("/api/search.*status_code")) as asked:
        page.get_by_label("Tags").press("Enter")
    rows = page.get_by_role("table", name="Traces").locator("tbody tr")
    expect(rows.first).to_contain_text("GET /api/v1/agents/{agent_id}")
    (query,) = parse_qs(urlsplit(asked.value.url).query)["q"]
    assert query == "{ .http.response.status_code = 404 } with (most_recent=true)"


def test_completion_offers_real_keys_then_operators_then_real_values(page: Page) -> None:
    page.goto("/")
    query = page.get_by_role("combobox", name="TraceQL query")
    query.fill("")
    query.press_sequentially("{ db.sys")
    page.get_by_role("option", name=re.compile("span.db.system.name")).click()
    page.get_by_role("option", name=re.compile("^= equals")).click()
    expect(page.get_by_role("option", name=re.compile("redis"))).to_be_visible()
    query.press("ArrowDown")
    # In whatever order the server lists them.
    second = page.get_by_role("option", selected=True).locator(".mono").inner_text().strip('"')
    assert second in ("postgresql", "redis")
    query.press("Enter")
    expect(query).to_have_value(f'{{ span.db.system.name = "{second}" ')


def test_a_refused_query_shows_the_servers_own_words(page: Page) -> None:
    page.goto("/")
    query = page.get_by_role("combobox", name="TraceQL query")
    query.fill("{ name ~~ }")
    query.press("Enter")
    expect(page.get_by_role("alert").first).to_contain_text("Tempo answered 400")
    expect(page.get_by_role("alert").first).to_contain_text("parse error at line 1")
    expect(query).to_have_value("{ name ~~ }")


def test_the_whole_search_is_in_the_address(page: Page) -> None:
    page.goto("/?q=%7B+status+%3D+error+%7D&range=24h")
    expect(page.get_by_label("Errors only")).to_be_checked()
    expect(page.get_by_label("Time range")).to_have_value("86400")
    page.get_by_label("Errors only").uncheck()
    expect(page).to_have_url(re.compile(r"/\?range=24h$"))
    page.go_back()
    expect(page.get_by_label("Errors only")).to_be_checked()


def test_brushing_the_heatmap_filters_and_says_what_is_different(page: Page) -> None:
    page.goto("/?q=%7B+name+%3D+%22POST+%2Fapi%2Fv1%2Fagents%2F%7Bagent_id%7D%2Frun%22+%7D")
    plot = page.get_by_role("application", name=re.compile("Latency heatmap"))
    box = box_of(plot)
    page.mouse.move(box["x"] + 1, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] * 0.28, steps=4)
    page.mouse.up()
    different = page.get_by_role("region", name="What is different here?")
    expect(different.locator("h3").first).to_have_text("resource.service.version")
    expect(page).to_have_url(re.compile("sel="))
    different.get_by_role("button", name=re.compile("^1.5.0-rc1")).click()
    expect(page.get_by_role("combobox", name="TraceQL query")).to_have_value(
        re.compile('&& resource.service.version = "1.5.0-rc1" }')
    )
    page.get_by_role("button", name="Clear selection").click()
    expect(different).to_have_count(0)


def test_the_heatmap_is_filtered_by_keyboard_alone(page: Page) -> None:
    page.goto("/")
    plot = page.get_by_role("application", name=re.compile("Latency heatmap"))
    plot.focus()
    for key in ("ArrowLeft", "ArrowDown", "Enter"):
        plot.press(key)
    expect(page).to_have_url(re.compile("sel="))
    plot.press("Escape")
    expect(page).not_to_have_url(re.compile("sel="))


@pytest.mark.usefixtures("empty")
def test_an_empty_store_shows_the_lines_to_paste(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", name="Waiting for the first trace")).to_be_visible()
    expect(page.locator("pre")).to_contain_text("OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317")
    expect(page.get_by_text("Last refused request")).to_contain_text("413: the body is larger")


def test_results_are_sorted_by_any_column(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Duration", exact=True).click()
    expect(page.get_by_role("columnheader", name="Duration")).to_have_attribute("aria-sort", "descending")
    cells = page.locator("td.duration .figure")
    expect(cells.first).to_contain_text("ms")
    shown = [float(text.split()[0]) for text in cells.all_inner_texts()]
    assert shown == sorted(shown, reverse=True)


def test_a_range_of_ones_own_is_shown_and_kept_in_the_address(page: Page, shop: Shop) -> None:
    oldest = min(spans[0].start for spans in shop.traces) // 10**9
    page.goto("/")
    page.get_by_label("Time zone").select_option("UTC")
    page.get_by_label("Time range", exact=True).select_option("custom")
    form = page.get_by_role("form", name="Custom time range")
    for field, at in (("From (UTC)", oldest - 60), ("To", oldest + 600)):
        form.get_by_label(field).fill(datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%S"))
    form.get_by_role("button", name="Show").click()
    expect(page).to_have_url(re.compile(f"from={oldest - 60}&to={oldest + 600}"))
    inside = sum(oldest - 60 <= s[0].start / 1e9 < oldest + 600 for s in shop.traces)
    expect(page.get_by_role("table", name="Traces").locator("tbody tr")).to_have_count(min(50, inside))


def test_the_heatmap_shows_the_spans_that_a_query_asks_about(page: Page, shop: Shop) -> None:
    calls = sum(s.name == "SELECT documents" for spans in shop.traces for s in spans)
    page.goto("/?q=%7B+name+%3D+%22SELECT+documents%22+%7D")
    expect(page.get_by_text(f"{calls:,} spans that match")).to_be_visible()
    page.get_by_label("Root spans only").check()
    expect(page).to_have_url(re.compile("spans=roots"))
    expect(page.get_by_text("No root span matches")).to_be_visible()


def test_a_search_is_copied_as_curl(page: Page) -> None:
    page.goto("/?q=%7B+name+%3D+%22it%27s%22+%7D")
    command = copied(page.get_by_role("button", name="Copy as curl"))
    assert command.startswith("curl -G 'http://127.0.0.1:")
    assert """--data-urlencode 'q={ name = "it'\\''s" } with (most_recent=true)'""" in command


def test_each_result_names_its_services_with_their_spans_and_errors(page: Page, shop: Shop) -> None:
    spans = shop.failed
    page.goto("/?q=%7B+status+%3D+error+%7D")
    row = page.get_by_role("row").filter(has=page.locator(f'a[href^="/trace/{spans[0].trace_id.hex()}"]'))
    mine = [s for s in spans if s.service == "temponest-agents"]
    errors = sum(bool(s.error) for s in spans)
    if page.viewport_size and page.viewport_size["width"] < 900:
        expect(row).to_contain_text(f"temponest-agents, {len(spans)} spans, {errors} errors")
    else:
        chip = row.locator(".chip").filter(has_text="temponest-agents")
        expect(chip).to_have_text(re.compile(rf"temponest-agents\s*{len(mine)}\s*{errors}!"))

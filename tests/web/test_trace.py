from __future__ import annotations

import json
import re

import pytest
from playwright.sync_api import Page, expect

from tests.web.browser import copied
from tests.web.conftest import Late, Shop
from tests.web.loki import LokiStandIn
from tests.web.record import Record


@pytest.fixture
def failed(shop: Shop) -> list[Record]:
    """The newest trace of a run that failed."""
    return shop.failed


def address(spans: list[Record]) -> str:
    return f"/trace/{spans[0].trace_id.hex()}"


def test_the_tree_shows_every_span_with_its_place(page: Page, failed: list[Record]) -> None:
    page.goto(address(failed))
    tree = page.get_by_role("tree", name="Spans of the trace")
    root = tree.get_by_role("treeitem", name="temponest-agents POST /api/v1/agents/{agent_id}/run,")
    expect(root).to_have_attribute("aria-level", "1")
    expect(tree.get_by_role("treeitem", name="temponest-auth GET /api/v1/token/verify,")).to_have_attribute(
        "aria-level", "3"
    )
    expect(page.get_by_text(f"{len(failed)} spans")).to_be_visible()


def test_a_click_shows_what_the_span_carries(page: Page, failed: list[Record]) -> None:
    page.goto(address(failed))
    page.get_by_role("treeitem", name=re.compile("^run agent")).click()
    detail = page.get_by_role("complementary", name="Span details")
    expect(detail).to_contain_text("upstream model timed out")
    expect(detail).to_contain_text("exception.stacktrace")
    expect(detail).to_contain_text("agent.model")
    span = next(s for s in failed if s.name == "run agent")
    expect(page).to_have_url(re.compile(f"span={span.span_id.hex()}"))


def test_similar_siblings_are_one_row_until_it_is_opened(page: Page, failed: list[Record]) -> None:
    n = sum(s.name == "SELECT documents" for s in failed)
    page.goto(address(failed))
    folded = page.get_by_role("treeitem", name=re.compile(f"^SELECT documents . {n} "))
    expect(folded).to_contain_text("N+1?")
    folded.click()
    expect(page.get_by_role("treeitem", name=re.compile("^SELECT documents"))).to_have_count(n)


def test_find_counts_steps_and_keeps_ancestors(page: Page, failed: list[Record]) -> None:
    page.goto(address(failed))
    expect(page.get_by_role("treeitem").first).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("db.system.name=redis")
    n = sum(s.attributes.get("db.system.name") == "redis" for s in failed)
    expect(page.get_by_text(str(n), exact=True).first).to_be_visible()
    page.keyboard.press("Enter")
    expect(page.get_by_text(f"1 of {n}")).to_be_visible()
    page.get_by_label("Only matches").check()
    parents = {s.span_id: s.parent_id for s in failed}
    kept = {s.span_id for s in failed if s.attributes.get("db.system.name") == "redis"}
    while above := {parents[i] for i in kept if parents[i]} - kept:
        kept |= above
    expect(page.get_by_role("treeitem")).to_have_count(len(kept))
    expect(
        page.get_by_role("treeitem", name="temponest-agents POST /api/v1/agents/{agent_id}/run,")
    ).to_be_visible()


def test_the_keyboard_alone_walks_collapses_and_zooms(page: Page, failed: list[Record]) -> None:
    page.goto(address(failed))
    items = page.get_by_role("treeitem")
    expect(items.first).to_be_visible()
    before = items.count()
    page.keyboard.press("ArrowDown")
    expect(items.first).to_have_attribute("aria-selected", "true")
    page.keyboard.press("ArrowLeft")
    expect(items).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(items).to_have_count(before)
    page.keyboard.press("e")
    expect(page.get_by_role("complementary", name="Span details")).to_contain_text("run agent")
    page.keyboard.press("f")
    expect(page).to_have_url(re.compile("zoom="))
    page.keyboard.press("0")
    expect(page).not_to_have_url(re.compile("zoom="))
    page.keyboard.press("Escape")
    expect(page.get_by_role("complementary", name="Span details")).to_have_count(0)


def test_flame_graph_statistics_and_logs_show_the_same_trace(page: Page, failed: list[Record]) -> None:
    page.goto(address(failed))
    page.get_by_role("tab", name="Flame graph").click()
    expect(page.get_by_role("button", name=re.compile("^run agent .*: temponest-agents,"))).to_be_visible()
    page.get_by_role("tab", name="Statistics").click()
    row = page.get_by_role("row", name=re.compile("SELECT documents"))
    expect(row.get_by_role("cell").nth(1)).to_have_text(
        str(sum(s.name == "SELECT documents" for s in failed))
    )
    page.get_by_role("tab", name="Logs").click()
    expect(page.get_by_role("table", name="Events in order of time")).to_contain_text("TimeoutError")
    expect(page).to_have_url(re.compile("view=logs"))


def test_orphans_are_shown_and_explained(page: Page, shop: Shop) -> None:
    page.goto(address(shop.odd["orphans"]))
    expect(page.get_by_text("came without their parent")).to_be_visible()
    page.get_by_role("button", name="Show the first").click()
    expect(page.get_by_role("complementary", name="Span details")).to_contain_text("was not received")


def test_a_circle_of_parents_is_opened_and_told(page: Page, shop: Shop) -> None:
    page.goto(address(shop.odd["circle"]))
    expect(page.get_by_text("Parents go around in a circle")).to_be_visible()
    expect(page.get_by_role("treeitem", name="temponest-auth GET /api/v1/token/verify,")).to_be_visible()


def test_a_part_of_a_trace_is_called_one(page: Page, late: Late) -> None:
    page.goto(address(late.large))
    expect(page.get_by_text("This is a part of the trace.")).to_be_visible()
    expect(page.get_by_text("Trace exceeds maximum size of")).to_be_visible()


def test_clock_skew_is_shown_as_sent_until_it_is_adjusted(page: Page, shop: Shop) -> None:
    page.goto(address(shop.odd["skew"]))
    expect(page.get_by_text("Times are shown as they were sent.")).to_be_visible()
    page.get_by_role("button", name="Adjust clocks").click()
    expect(page.get_by_text("Clocks are adjusted")).to_be_visible()
    expect(page).to_have_url(re.compile("skew"))


def test_an_open_trace_grows_in_place(page: Page, late: Late) -> None:
    page.goto(address(late.running))
    expect(page.get_by_text(f"{len(late.running) - 1} spans")).to_be_visible()
    page.get_by_role("treeitem", name=re.compile("^run agent")).click()
    late.arrive()
    expect(page.get_by_text("1 new span")).to_be_visible()
    expect(page.get_by_text(f"{len(late.running)} spans")).to_be_visible()
    expect(page.get_by_role("complementary", name="Span details")).to_contain_text("run agent")


def test_a_trace_that_is_not_there_is_said_to_be_missing(page: Page) -> None:
    page.goto("/trace/00000000000000000000000000000001")
    expect(page.get_by_role("heading", name="This trace is not here")).to_be_visible()


def test_the_copied_otlp_json_is_the_trace(page: Page, failed: list[Record]) -> None:
    page.goto(address(failed))
    data = json.loads(copied(page.get_by_role("button", name="OTLP JSON")))
    expect(page.get_by_role("status")).to_have_text("OTLP JSON copied")
    spans = [s for r in data["resourceSpans"] for g in r["scopeSpans"] for s in g["spans"]]
    assert {s["spanId"] for s in spans} == {s.span_id.hex() for s in failed}
    root = next(s for s in spans if not s["parentSpanId"])
    assert (root["startTimeUnixNano"], root["status"]["code"]) == (str(failed[0].start), 2)


def test_where_nothing_can_be_copied_that_is_said(page: Page, failed: list[Record]) -> None:
    # As on a page that came by plain HTTP from another machine.
    page.add_init_script("Object.defineProperty(navigator, 'clipboard', {value: undefined})")
    page.goto(address(failed))
    page.get_by_role("button", name="Copy link").click()
    expect(page.get_by_role("status")).to_have_text("This browser lets nothing be copied from here")


def test_a_change_of_the_view_is_in_the_address_at_once(page: Page, failed: list[Record]) -> None:
    page.goto(address(failed))
    expect(page.get_by_role("tree")).to_be_visible()
    # Within the same turn of the browser: a reload or a copy right after a click has it, too.
    search = page.evaluate("""async () => {
        document.querySelector('#tab-statistics').click();
        await new Promise((resume) => setTimeout(resume));
        return location.search;
    }""")
    assert search == "?view=statistics"
    # Browsers refuse too many writes: the last of many changes is there all the same.
    find = page.get_by_label("Find in this trace")
    find.evaluate("""async (box) => {
        for (let i = 0; i <= 100; i++) {
            box.value = `change ${i}`;
            box.dispatchEvent(new Event('input', {bubbles: true}));
            await new Promise((resume) => setTimeout(resume));
        }
    }""")
    expect(page).to_have_url(re.compile(r"find=change\+100$"))


def test_filters_keep_what_leads_to_their_spans_and_are_in_the_address(
    page: Page, failed: list[Record]
) -> None:
    page.goto(address(failed))
    items = page.get_by_role("treeitem")
    expect(items.first).to_be_visible()
    page.get_by_role("button", name=re.compile("^Errors")).click()
    errors = [s for s in failed if s.error]
    expect(items).to_have_count(len(errors))
    expect(page).to_have_url(re.compile("show=errors"))
    page.get_by_role("button", name=re.compile("^Errors")).click()
    page.get_by_role("button", name="Slowest").click()
    expect(items.filter(has_text="run agent")).to_be_visible()
    expect(page).to_have_url(re.compile("show=slow"))
    page.reload()
    expect(page.get_by_role("button", name="Slowest")).to_have_attribute("aria-pressed", "true")


def test_statistics_are_grouped_by_any_attribute(page: Page, failed: list[Record]) -> None:
    page.goto(f"{address(failed)}?view=statistics")
    page.get_by_label("Group by").select_option("db.system.name")
    row = page.get_by_role("row", name="postgresql")
    n = sum(s.attributes.get("db.system.name") == "postgresql" for s in failed)
    expect(row.get_by_role("cell").nth(1)).to_have_text(str(n))
    expect(page).to_have_url(re.compile("by=db.system.name"))


def test_the_critical_path_is_a_list_of_steps(page: Page, failed: list[Record]) -> None:
    page.goto(address(failed))
    page.get_by_role("tab", name="Critical path").click()
    steps = page.get_by_role("table", name="Steps of the critical path").locator("tbody tr")
    expect(steps.first).to_contain_text("POST /api/v1/agents/{agent_id}/run")
    steps.filter(has_text="run agent").first.get_by_role("button").click()
    expect(page.get_by_role("complementary", name="Span details")).to_contain_text("run agent")


def test_a_frame_tells_who_calls_it_and_what_it_calls(page: Page, failed: list[Record]) -> None:
    page.goto(f"{address(failed)}?view=flame")
    page.get_by_role("button", name=re.compile("^run agent .*: temponest-agents,")).click()
    callers = page.get_by_role("table", name="Called by")
    expect(callers).to_contain_text("POST /api/v1/agents/{agent_id}/run")
    above = next(s for s in failed if s.name == "run agent").span_id
    callees = page.get_by_role("table", name="Calls", exact=True).locator("tbody tr")
    expect(callees).to_have_count(len({s.name for s in failed if s.parent_id == above}))


def test_a_value_leads_to_traces_with_it_and_without_it(page: Page, failed: list[Record]) -> None:
    page.goto(address(failed))
    page.get_by_role("treeitem").first.click()
    detail = page.get_by_role("complementary", name="Span details")
    detail.get_by_text("http.response.status_code").hover()
    detail.get_by_role("link", name="Find traces without http.response.status_code = 502").click()
    expect(page.get_by_role("combobox", name="TraceQL query")).to_have_value(
        "{ span.http.response.status_code != 502 }"
    )


def test_a_request_leads_to_the_charts_of_its_route(page: Page, failed: list[Record]) -> None:
    page.goto(address(failed))
    page.get_by_role("treeitem").first.click()
    page.get_by_role("link", name="Charts of its route").click()
    charts = page.get_by_role("region", name="Charts")
    expect(charts.get_by_role("heading")).to_have_text("temponest-agents POST /api/v1/agents/{agent_id}/run")


def test_log_lines_of_a_trace_stand_among_the_events_of_its_spans(
    page: Page, failed: list[Record], loki: LokiStandIn
) -> None:
    run = next(s for s in failed if s.name == "run agent")
    labels = {
        "service_name": run.service,
        "trace_id": run.trace_id.hex(),
        "span_id": run.span_id.hex(),
    }
    loki.lines = [
        ({**labels, "detected_level": "info"}, run.start + 1_000_000, "calling the model"),
        ({**labels, "detected_level": "error"}, run.start + run.duration, "giving up <b>now</b>"),
        ({**labels, "trace_id": "f" * 32}, run.start, "of another trace"),
    ]
    page.goto(f"{address(failed)}?view=logs")
    table = page.get_by_role("table", name="Events in order of time")
    rows = table.locator("tbody tr")
    expect(rows.filter(has_text="calling the model")).to_contain_text("info")
    expect(rows.filter(has_text="giving up <b>now</b>")).to_contain_text("error")
    expect(table).to_contain_text("TimeoutError")
    expect(table).not_to_contain_text("of another trace")
    rows.filter(has_text="calling the model").get_by_role("button").click()
    expect(page.get_by_role("complementary", name="Span details")).to_contain_text("run agent")


def test_what_is_collapsed_and_unfolded_survives_a_reload(page: Page, failed: list[Record]) -> None:
    n = sum(s.name == "SELECT documents" for s in failed)
    page.goto(address(failed))
    page.get_by_role("treeitem", name="temponest-auth GET /api/v1/token/verify,").click()
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Escape")
    page.get_by_role("treeitem", name=re.compile(f"^SELECT documents . {n} ")).click()
    documents = page.get_by_role("treeitem", name=re.compile("^SELECT documents"))
    expect(documents).to_have_count(n)
    shown = page.get_by_role("treeitem").count()
    expect(page).to_have_url(re.compile("closed=.*open="))
    page.reload()
    expect(documents).to_have_count(n)
    verify = page.get_by_role("treeitem", name="temponest-auth GET /api/v1/token/verify,")
    expect(verify).to_have_attribute("aria-expanded", "false")
    expect(page.get_by_role("treeitem")).to_have_count(shown)


def test_levels_are_collapsed_and_expanded_by_keys_and_kept(page: Page, failed: list[Record]) -> None:
    page.goto(address(failed))
    items = page.get_by_role("treeitem")
    expect(items.first).to_be_visible()
    whole = items.count()
    page.keyboard.press("]")
    expect(items).to_have_count(1)
    page.keyboard.press("o")
    expect(items).to_have_count(1 + sum(s.parent_id == failed[0].span_id for s in failed))
    expect(page).to_have_url(re.compile("level=1"))
    page.reload()
    expect(items).to_have_count(1 + sum(s.parent_id == failed[0].span_id for s in failed))
    page.keyboard.press("[")
    expect(items).to_have_count(whole)
    page.keyboard.press("p")
    expect(items).not_to_have_count(whole)


def test_the_selected_row_stays_above_the_details(page: Page, failed: list[Record]) -> None:
    page.goto(address(failed))
    row = page.get_by_role("treeitem").last
    row.click()
    detail = page.get_by_role("complementary", name="Span details")
    expect(detail).to_be_visible()
    selected = page.get_by_role("treeitem", selected=True)
    expect(selected).to_have_count(1)
    drawn, over = selected.bounding_box(), detail.bounding_box()
    assert drawn
    assert over
    # Beside the rows where there is room, over their lower part on a phone.
    assert over["x"] > 0 or drawn["y"] + drawn["height"] <= over["y"] + 1, (drawn, over)


def test_enter_presses_the_button_that_has_the_focus(page: Page, failed: list[Record]) -> None:
    page.goto(address(failed))
    button = page.get_by_role("button", name="On the path")
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("complementary", name="Span details")).to_have_count(0)


def test_details_scroll_by_themselves(page: Page, failed: list[Record]) -> None:
    page.goto(address(failed))
    expect(page.get_by_role("treeitem").first).to_be_visible()
    tall = "document.documentElement.scrollHeight"
    before = page.evaluate(tall)
    page.get_by_role("treeitem").first.click()
    expect(page.get_by_role("complementary", name="Span details")).to_be_visible()
    assert page.evaluate(tall) == before

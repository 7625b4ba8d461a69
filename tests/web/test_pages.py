"""What every page promises: no violation of accessibility, no power for hostile data, the same on a phone."""

from __future__ import annotations

import json
import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.web.browser import exported
from tests.web.record import Record
from tests.web.standin import StandIn

AXE = Path(__file__).parents[2] / "web" / "node_modules" / "axe-core" / "axe.min.js"
HISTOGRAM = (
    "histogram_quantile(0.95, sum by (job, le) (rate(http_server_request_duration_seconds_bucket[5m])))"
)

# These pages are more than what was recorded of a real Tempo and Prometheus.
pytestmark = pytest.mark.usefixtures("standin")


@pytest.fixture
def failed(standin: StandIn) -> list[Record]:
    return [spans for spans in standin.traces.values() if spans[0].error][-1]


def restart(spans: list[Record]) -> None:
    """Let a trace begin two seconds ago."""
    by = time.time_ns() - spans[0].start - 2 * 10**9
    for span in spans:
        span.start += by


def places(spans: list[Record]) -> dict[str, str]:
    """An address of every page, with the words that say it is there."""
    trace = spans[0].trace_id.hex()
    span = next(s for s in spans if s.name == "run agent").span_id.hex()
    return {
        "/": "cut off: more match",
        f"/trace/{trace}?span={span}": "run agent",
        f"/trace/{trace}?view=flame": "frames. Click to zoom and",
        f"/trace/{trace}?view=statistics": "Critical path",
        f"/trace/{trace}?view=path": "decided when the trace ended",
        f"/trace/{trace}?view=logs": "exception",
        "/trace/1": "This trace is not here",
        f"/compare/{trace}/{trace}": "Compare two traces",
        "/?q=%7B+name+~~+%7D": "Search failed",
        "/?q=%7B+name+%3D+%22none%22+%7D": "Nothing matches",
        "/services?by=route&row=temponest-agents%0AGET+%2Fapi%2Fv1%2Fagents": "counted in the newest traces",
        f"/metrics?p={HISTOGRAM}": "2 series",
        "/metrics": "Start with",
        "/live": "traces/s",
    }


def violations(page: Page) -> list[str]:
    """What axe says of the page as it is now."""
    # The tool is put in by the debugger: the policy of the page stays as it is.
    page.evaluate(AXE.read_text())
    result = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{v['id']} at {node['target']}: {node['failureSummary']}"
        for v in result["violations"]
        for node in v["nodes"]
    ]


def test_axe_finds_no_violation(page: Page, failed: list[Record]) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: make pages")
    found = []
    for address, words in places(failed).items():
        page.goto(address)
        expect(page.get_by_text(words).first).to_be_visible()
        found += [f"{address}: {one}" for one in violations(page)]
    assert found == []


def test_axe_finds_no_violation_in_what_opens_over_a_page(
    page: Page, standin: StandIn, failed: list[Record]
) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: make pages")
    # The full list is examined above; here its rows would be examined three times more.
    standin.traces = dict([*standin.traces.items()][-8:]) | {failed[0].trace_id.hex(): failed}
    page.goto("/")
    page.get_by_label("Time range", exact=True).select_option("custom")
    expect(page.get_by_role("form", name="Custom time range")).to_be_visible()
    assert violations(page) == []
    page.keyboard.press("Escape")
    page.get_by_role("combobox", name="TraceQL query").fill("{ ")
    expect(page.get_by_role("listbox", name="Completions")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("button", name="Keyboard and help").click()
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    assert violations(page) == []
    page.goto(f"/trace/{failed[0].trace_id.hex()}?view=flame")
    page.get_by_role("button", name=re.compile("^run agent .*: temponest-agents,")).click()
    expect(page.get_by_role("table", name="Called by")).to_be_visible()
    assert violations(page) == []


def test_no_page_is_wider_than_its_window(page: Page, failed: list[Record]) -> None:
    for address, words in places(failed).items():
        page.goto(address)
        expect(page.get_by_text(words).first).to_be_visible()
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, address


HOSTILE = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>"\'></style>{{7*7}}${7*7}'


def test_hostile_data_does_nothing(page: Page, failed: list[Record]) -> None:
    restart(failed)
    for span in failed:
        span.name = HOSTILE
        span.service = span.resource["service.name"] = HOSTILE
        span.attributes |= {
            HOSTILE: HOSTILE,
            "link": "javascript:window.hurt=1",
            "\u202egnp.exe": "\u202edlrow",
            "__proto__": "polluted",
            "constructor": "polluted",
        }
        span.events.append((span.start, HOSTILE, {HOSTILE: HOSTILE}))
    failed[0].error = HOSTILE
    failed[0].attributes["large"] = "A" * 1_000_000
    trace, root = failed[0].trace_id.hex(), failed[0].span_id.hex()
    for address in (
        # First, because it shows what came in the last minute.
        "/live",
        f"/trace/{trace}?view=flame",
        f"/trace/{trace}?view=statistics",
        f"/trace/{trace}?view=logs",
        f"/compare/{trace}/{trace}",
        "/",
        "/services",
        f"/trace/{trace}?span={root}",
    ):
        page.goto(address)
        expect(page.get_by_text("<img src=x").first).to_be_attached()
        assert page.evaluate("[window.hurt, {}.polluted, document.querySelector('main img')]") == [None] * 3
    detail = page.get_by_role("complementary", name="Span details")
    expect(detail).to_contain_text("U+202E\u203agnp.exe")
    assert page.locator('a[href^="javascript"]').count() == 0
    page.get_by_text("all 1 MB").first.click()
    expect(detail.locator("pre").first).to_contain_text("AAAA")


def test_the_tail_shows_what_arrives_and_holds_it_while_paused(page: Page, standin: StandIn) -> None:
    first, last = [*standin.traces.items()][:2]
    restart(first[1])
    standin.traces = dict([first])
    page.goto("/live")
    table = page.get_by_role("table", name="Traces as they arrive")
    expect(table.locator(f'a[href="/trace/{first[0]}"]')).to_be_visible()
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("heading", name="Paused")).to_be_visible()
    restart(last[1])
    standin.traces = dict([first, last])
    page.get_by_role("button", name="1 new").click()
    expect(table.locator(f'a[href="/trace/{last[0]}"]')).to_be_visible()


def test_an_exported_trace_needs_no_server(
    page: Page, browser: Browser, failed: list[Record], tmp_path: Path
) -> None:
    failed[0].name = HOSTILE
    page.goto(f"/trace/{failed[0].trace_id.hex()}")
    with exported(page, browser, tmp_path) as alone:
        expect(alone.get_by_role("treeitem", name=re.compile("^run agent"))).to_be_visible()
        alone.get_by_role("tab", name="Flame graph").click()
        expect(
            alone.get_by_role("button", name=re.compile("^run agent .*: temponest-agents,"))
        ).to_be_visible()
        assert alone.evaluate("window.hurt") is None


def test_theme_zone_and_help_answer_to_keys(page: Page) -> None:
    page.goto("/")
    root = page.locator("html")
    expect(page.get_by_role("table", name="Traces")).to_be_visible()
    page.keyboard.press("t")
    expect(root).to_have_attribute("data-theme", "dark")
    page.keyboard.press("t")
    expect(root).to_have_attribute("data-theme", "light")
    page.keyboard.press("u")
    expect(page.get_by_label("Time zone")).to_have_value("utc")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_contain_text(
        "Switch between UTC and your time zone"
    )
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("g")
    page.keyboard.press("s")
    expect(page).to_have_url(re.compile("/services$"))
    stored = json.loads(page.evaluate("localStorage.getItem('temponest')"))
    assert stored == {"theme": "light", "zone": "utc"}


def test_keys_are_heard_at_once_when_the_help_is_closed(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("table", name="Traces")).to_be_visible()
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    # The browser moves the focus out of a closed dialog later; meanwhile keys go to what had it.
    page.evaluate("""() => {
        const dialog = document.querySelector('dialog');
        dialog.close();
        const key = new KeyboardEvent('keydown', {key: 'u', code: 'KeyU', bubbles: true});
        dialog.querySelector('button').dispatchEvent(key);
    }""")
    expect(page.get_by_label("Time zone")).to_have_value("utc")


def test_the_first_key_of_two_shows_what_the_second_may_be(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("table", name="Traces")).to_be_visible()
    hint = page.get_by_role("status", name="Next key")
    page.keyboard.press("g")
    expect(hint).to_contain_text("Go to Services")
    page.keyboard.press("Escape")
    expect(hint).to_be_hidden()
    page.keyboard.press("s")
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard")).to_be_visible()
    expect(page).to_have_url(re.compile("/$"))


def test_single_keys_can_be_switched_off(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Keyboard and help").click()
    page.get_by_label("Single-key shortcuts").uncheck()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    page.keyboard.press("u")
    expect(page.get_by_label("Time zone")).to_have_value("local")


def test_a_nest_with_a_token_asks_for_it_once(page: Page, standin: StandIn) -> None:
    standin.token = "t0ken"
    page.goto("/")
    page.get_by_label("Token of the nest").fill("t0ken")
    page.get_by_role("button", name="Use this token").click()
    expect(page.get_by_role("table", name="Traces")).to_be_visible()


def test_a_server_that_fails_is_shown_and_asked_again(page: Page, standin: StandIn) -> None:
    standin.failing = "the disk is full"
    page.goto("/")
    expect(page.get_by_role("alert")).to_contain_text("the disk is full")
    standin.failing = None
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_role("table", name="Traces")).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


def test_the_tail_is_filtered(page: Page, standin: StandIn) -> None:
    newest, other = (
        next(spans for spans in standin.traces.values() if spans[0].name.endswith(name))
        for name in ("/run", "/login")
    )
    restart(newest)
    restart(other)
    page.goto("/live")
    table = page.get_by_role("table", name="Traces as they arrive")
    expect(table.get_by_text(other[0].name)).not_to_have_count(0)
    query = page.get_by_role("combobox", name="Filter by TraceQL")
    query.fill('{ name = "no such name" }')
    query.press("Enter")
    expect(table.locator("tbody tr a")).to_have_count(0)
    restart(newest)
    query.fill(f'{{ name = "{newest[0].name}" }}')
    query.press("Enter")
    expect(table.locator("tbody tr").first).to_contain_text(newest[0].name)
    expect(table.get_by_text(other[0].name)).to_have_count(0)
    expect(page).to_have_url(re.compile(r"/live\?q="))

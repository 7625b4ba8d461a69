"""Two traces beside each other."""

from __future__ import annotations

import re

from playwright.sync_api import Page, expect

from tests.web.conftest import Shop


def test_two_traces_are_compared_from_the_list(page: Page, shop: Shop) -> None:
    runs = [spans for spans in shop.traces if spans[0].name.endswith("/run")]
    page.goto("/?q=%7B+name+%3D+%22run+agent%22+%7D")
    # The newest run that asked the database who the user is, and the newest that did not have to.
    for asked in (True, False):
        spans = [s for s in runs if any(span.name == "SELECT users" for span in s) is asked][-1]
        link = page.locator(f'a[href^="/trace/{spans[0].trace_id.hex()}"]')
        page.get_by_role("row").filter(has=link).get_by_role("checkbox").check()
    page.get_by_role("link", name="Compare the two").click()
    table = page.get_by_role("table", name="Differences")
    expect(table).to_contain_text("step search")
    rows = table.locator("tbody tr")
    all_of_them = rows.count()
    page.get_by_label("Only differences").check()
    expect(rows).not_to_have_count(all_of_them)
    expect(rows.filter(has_text="SELECT users")).to_have_count(1)
    expect(page).to_have_url(re.compile("changed"))


def test_operations_of_two_traces_are_compared_wherever_they_stand(page: Page, shop: Shop) -> None:
    a, b = [spans for spans in shop.traces if spans[0].name.endswith("/run")][-2:]
    page.goto(f"/compare/{a[0].trace_id.hex()}/{b[0].trace_id.hex()}")
    page.get_by_role("button", name="By operation").click()
    rows = page.get_by_role("table", name="Differences").locator("tbody tr")
    expect(rows).to_have_count(len({(s.service, s.name) for s in [*a, *b]}))
    expect(page).to_have_url(re.compile("by=operation"))

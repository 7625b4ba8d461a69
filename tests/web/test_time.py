"""Times are shown as the reader wants them: in which zone, and as a time of the day or an age."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.web.record import Record
from tests.web.standin import StandIn

pytestmark = pytest.mark.usefixtures("standin")
# Eight hours and three quarters ahead of UTC, all the year.
EUCLA = ZoneInfo("Australia/Eucla")


def choose(page: Page, zone: str) -> None:
    picker = page.get_by_label("Time zone")
    picker.focus()
    picker.select_option(zone)


def first_cell(page: Page) -> Locator:
    return page.get_by_role("table", name="Traces").locator("tbody tr td.when").first


def newest(standin: StandIn) -> Record:
    return max((spans[0] for spans in standin.traces.values()), key=lambda root: root.start)


def test_results_show_their_age_or_the_time_of_the_day_and_it_is_kept(page: Page) -> None:
    page.goto("/")
    expect(first_cell(page)).to_contain_text("ago")
    page.get_by_title("How long ago, or the time of the day").click()
    expect(first_cell(page)).to_have_text(re.compile(r"\d\d:\d\d:\d\d\s*$"))
    expect(first_cell(page)).to_have_attribute("title", re.compile(r"ago$"))
    page.reload()
    expect(first_cell(page)).to_have_text(re.compile(r"\d\d:\d\d:\d\d\s*$"))


def test_a_zone_is_chosen_by_name_for_every_time_and_kept(page: Page, standin: StandIn) -> None:
    at = datetime.fromtimestamp(newest(standin).start // 10**9, UTC).astimezone(EUCLA)
    page.goto("/")
    page.get_by_title("How long ago, or the time of the day").click()
    choose(page, "Australia/Eucla")
    expect(first_cell(page)).to_contain_text(f"{at:%H:%M:%S}")
    page.get_by_label("Time range", exact=True).select_option("custom")
    form = page.get_by_role("form", name="Custom time range")
    expect(form.get_by_label("From (Australia/Eucla)")).to_be_visible()
    page.goto(f"/trace/{newest(standin).trace_id.hex()}")
    expect(page.get_by_text(f"{at:%Y-%m-%d %H:%M:%S}")).to_be_visible()
    expect(page.get_by_label("Time zone")).to_have_value("Australia/Eucla")


def test_a_range_is_read_in_the_zone_that_was_chosen(page: Page) -> None:
    page.goto("/")
    choose(page, "Australia/Eucla")
    page.get_by_label("Time range", exact=True).select_option("custom")
    form = page.get_by_role("form", name="Custom time range")
    form.get_by_label("From (Australia/Eucla)").fill("2026-03-29T08:45:00")
    form.get_by_label("To").fill("2026-03-29T09:45:00")
    form.get_by_role("button", name="Show").click()
    start = int(datetime(2026, 3, 29, tzinfo=UTC).timestamp())
    expect(page).to_have_url(re.compile(f"from={start}&to={start + 3600}"))


def test_a_key_switches_between_utc_and_the_zone_that_was_chosen(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("table", name="Traces")).to_be_visible()
    choose(page, "Australia/Eucla")
    page.keyboard.press("Tab")
    picker = page.get_by_label("Time zone")
    page.keyboard.press("u")
    expect(picker).to_have_value("utc")
    page.keyboard.press("u")
    expect(picker).to_have_value("Australia/Eucla")


def test_a_zone_that_this_browser_does_not_know_is_local_time(page: Page) -> None:
    page.goto("/")
    page.evaluate("""localStorage.setItem('temponest', '{"zone": "Mars/Olympus"}')""")
    page.reload()
    expect(page.get_by_role("table", name="Traces")).to_be_visible()
    expect(page.get_by_label("Time zone")).to_have_value("local")

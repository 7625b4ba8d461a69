"""What is wide on a desk is read on a phone, too."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from tests.web.record import Record
from tests.web.standin import StandIn


@pytest.fixture
def runs(standin: StandIn) -> list[list[Record]]:
    """Two traces with long names, the second without one of the calls."""
    runs = [spans for spans in standin.traces.values() if spans[0].name.endswith("/run")][-2:]
    for spans in runs:
        spans[0].name = "POST /api/v1/a-route/with/a/long/name/{of_its_parameter}/run-everything-at-once"
    return runs


def test_tables_are_read_without_pushing_them_sideways(page: Page, runs: list[list[Record]]) -> None:
    first, second = (spans[0].trace_id.hex() for spans in runs)
    for address, name in (
        ("/services", "Rate, errors and duration"),
        ("/services?by=route", "Rate, errors and duration"),
        ("/services", "Costs by service"),
        (f"/compare/{first}/{second}", "Differences"),
        (f"/compare/{first}/{second}?by=operation", "Differences"),
    ):
        page.goto(address)
        table = page.get_by_role("table", name=name)
        expect(table.locator("tbody tr").first).to_be_visible()
        wide = table.evaluate("(table) => table.scrollWidth - table.parentElement.clientWidth")
        assert wide <= 0, address
        # Nothing is left out for it: every column has its head and a cell in each row.
        heads = table.get_by_role("columnheader").count()
        assert heads >= 4
        assert table.locator("tbody tr").first.get_by_role("cell").count() == heads


@pytest.mark.usefixtures("standin")
def test_no_label_of_an_axis_is_cut_off(page: Page) -> None:
    for length in ("5m", "15m", "1h", "6h", "24h", "7d"):
        page.goto(f"/?range={length}")
        expect(page.locator(".clocks span").nth(1)).to_be_attached()
        places = page.locator(".clocks").evaluate(
            """(axis) => [
                axis.getBoundingClientRect().right,
                ...[...axis.children].flatMap((label) => {
                    const {left, right} = label.getBoundingClientRect();
                    return [[left, right]];
                }),
            ]"""
        )
        edge, *labels = places
        for (_, right), (left, _) in zip(labels, [*labels[1:], (edge + 1, edge)], strict=True):
            assert right <= left, length

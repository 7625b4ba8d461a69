"""The same pages over the nest itself, and over another server by `temponest ui`."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from playwright.sync_api import Browser, Page, expect

from temponest.demo.ports import LOOPBACK, free_ports
from temponest.demo.process import Process
from tests.web.browser import PATIENCE, Watched, box_of
from tests.web.encode import encode
from tests.web.record import Record
from tests.web.shop import demo_traces


@pytest.fixture(scope="module")
def traces() -> list[list[Record]]:
    return demo_traces(time.time_ns(), count=120, window_s=1500)


def logs_of(spans: list[Record]) -> ExportLogsServiceRequest:
    """Two log lines of a trace: one of its first span, one of no span that is there."""
    message = ExportLogsServiceRequest()
    group = message.resource_logs.add()
    group.resource.attributes.add(key="service.name").value.string_value = "temponest-agents"
    scope = group.scope_logs.add()
    first = spans[0]
    for number, (text, span_id) in enumerate((("card <b>refused</b>", first.span_id), ("late", b"x" * 8))):
        record = scope.log_records.add(
            time_unix_nano=first.start + number * 1_000_000, trace_id=first.trace_id, span_id=span_id
        )
        record.severity_number = 17  # type: ignore[assignment] # any number is allowed on the wire
        record.body.string_value = text
    return message


def ready(process: Process, url: str, holds: Callable[[httpx.Response], bool] = lambda _: True) -> None:
    """Wait until a server answers so that it holds."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        process.check()
        try:
            reply = httpx.get(url)
        except httpx.TransportError:
            continue
        if holds(reply):
            return
    raise TimeoutError(process.log.read_text())


@pytest.fixture(scope="module")
def nest(traces: list[list[Record]], tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Addresses of a nest that has kept the traces."""
    folder = tmp_path_factory.mktemp("nest")
    grpc, http, pages, tempo, prometheus, loki = free_ports(6)
    options = {
        "grpc": grpc,
        "http": http,
        "jaeger": pages,
        "tempo": tempo,
        "prometheus": prometheus,
        "loki": loki,
    }
    arguments = [f"--{name}-port={port}" for name, port in options.items()]
    process = Process(
        "nest",
        [sys.executable, "-m", "temponest", "serve", f"--data={folder / 'data'}", *arguments],
        log=folder / "nest.log",
    )
    try:
        ready(process, f"http://{LOOPBACK}:{pages}/here.json")
        spans = [span for trace in traces for span in trace]
        reply = httpx.post(
            f"http://{LOOPBACK}:{http}/v1/traces",
            content=encode(spans).SerializeToString(),
            headers={"Content-Type": "application/x-protobuf"},
        )
        assert reply.status_code == 200
        reply = httpx.post(
            f"http://{LOOPBACK}:{http}/v1/logs",
            content=logs_of(max(traces, key=len)).SerializeToString(),
            headers={"Content-Type": "application/x-protobuf"},
        )
        assert reply.status_code == 200
        # What is acknowledged is kept, and can be found a moment later.
        ready(
            process,
            f"http://{LOOPBACK}:{tempo}/api/search?limit=1000",
            lambda reply: len(reply.json()["traces"]) == len(traces),
        )
        ready(
            process,
            f"http://{LOOPBACK}:{loki}/loki/api/v1/query_range?query=%7Bservice_name%3D~%22.%2B%22%7D",
            lambda reply: "late" in reply.text,
        )
        yield {name: f"http://{LOOPBACK}:{port}" for name, port in options.items()}
    finally:
        process.stop()


@pytest.fixture
def page(browser: Browser, nest: dict[str, str]) -> Iterator[Page]:
    context = browser.new_context(base_url=nest["jaeger"], viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    watched = Watched(page)
    yield page
    context.close()
    assert watched.problems == []


def test_the_guides_older_name_of_a_tag_finds_responses_by_status(page: Page) -> None:
    page.goto("/")
    page.get_by_label("Tags").fill("http.status_code=404")
    page.get_by_label("Tags").press("Enter")
    expect(page).to_have_url(re.compile("status_code"))
    table = page.get_by_role("table", name="Traces")
    expect(table.get_by_text("/run", exact=False)).to_have_count(0)
    expect(table.locator("tbody tr").first).to_contain_text("GET /api/v1/agents/{agent_id}")


def test_explore_lists_what_the_nest_keeps(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("table", name="Traces").locator("tbody tr")).to_have_count(50)
    expect(
        page.get_by_role("application", name=re.compile("Latency heatmap: 1[12]\\d spans"))
    ).to_be_visible()


def test_a_brush_asks_the_nest_what_is_different(page: Page) -> None:
    page.goto("/?q=%7B+name+%3D~+%22POST+%2Fapi%2Fv1%2Fagents%2F.*%22+%7D")
    plot = page.get_by_role("application", name=re.compile("Latency heatmap"))
    box = box_of(plot)
    page.mouse.move(box["x"] + 1, box["y"] + 2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] - 2, box["y"] + box["height"] * 0.3, steps=4)
    page.mouse.up()
    different = page.get_by_role("region", name="What is different here?")
    expect(different.locator("h3", has_text="service.version")).to_be_visible()


def test_a_trace_of_the_nest_is_shown_whole(page: Page, traces: list[list[Record]]) -> None:
    spans = max(traces, key=len)
    page.goto(f"/trace/{spans[0].trace_id.hex()}")
    expect(page.get_by_text(f"{len(spans)} spans")).to_be_visible()
    expect(page.get_by_role("treeitem", name="temponest-auth GET /api/v1/token/verify,")).to_be_visible()


def test_the_log_lines_of_a_trace_are_shown_with_their_spans(page: Page, traces: list[list[Record]]) -> None:
    spans = max(traces, key=len)
    page.goto(f"/trace/{spans[0].trace_id.hex()}?view=logs")
    expect(page.get_by_text(re.compile("^2 log lines"))).to_be_visible()
    table = page.get_by_role("table", name="Events in order of time")
    row = table.get_by_role("row", name=re.compile("error card .b.refused"))
    expect(row).to_contain_text("card <b>refused</b>")
    expect(table.get_by_role("row", name=re.compile("temponest-agents error late"))).to_be_visible()
    row.get_by_role("button").click()
    expect(page.get_by_role("complementary", name="Span details")).to_contain_text(spans[0].name)


def test_services_are_counted_by_the_nest(page: Page) -> None:
    page.goto("/services?by=route")
    table = page.get_by_role("table", name="Rate, errors and duration")
    expect(table.get_by_role("row", name="temponest-auth POST /api/v1/login")).to_be_visible()
    chart = page.get_by_role("group", name="Service map")
    expect(chart.get_by_role("button", name="temponest-agents to temponest-auth")).to_be_attached()


def test_a_reload_of_the_page_of_metrics_shows_the_page(page: Page) -> None:
    page.goto("/metrics")
    page.reload()
    expect(page.get_by_role("heading", name="Metrics", exact=True)).to_be_visible()


def test_the_ui_command_shows_the_same_over_another_server(
    browser: Browser, nest: dict[str, str], traces: list[list[Record]], tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    process = Process(
        "ui",
        [
            *(sys.executable, "-m", "temponest", "ui", f"--port={port}"),
            *(f"--tempo={nest['tempo']}", f"--prometheus={nest['prometheus']}", f"--loki={nest['loki']}"),
        ],
        log=tmp_path / "ui.log",
    )
    try:
        address = f"http://{LOOPBACK}:{port}"
        ready(process, f"{address}/here.json")
        page = browser.new_page()
        page.goto(address)
        expect(page.get_by_role("table", name="Traces").locator("tbody tr")).to_have_count(50)
        page.goto(f"{address}/trace/{max(traces, key=len)[0].trace_id.hex()}?view=logs")
        expect(page.get_by_text(re.compile("^2 log lines"))).to_be_visible()
        page.close()
    finally:
        process.stop()
    assert "The pages are at" in (tmp_path / "ui.log").read_text()

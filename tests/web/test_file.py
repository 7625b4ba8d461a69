from __future__ import annotations

import base64
import gzip
import json
import re
from typing import Any

import pytest
from google.protobuf import json_format
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData
from playwright.sync_api import FilePayload, Page, expect

from temponest.files import otlp_json
from tests.web.conftest import Shop
from tests.web.encode import encode
from tests.web.record import Record
from tests.web.test_pages import AXE, violations

KINDS = {1: "internal", 2: "server", 3: "client"}


@pytest.fixture
def failed(shop: Shop) -> list[Record]:
    return shop.failed


def drop(page: Page, *files: tuple[str, bytes]) -> None:
    """Drop files onto the page, as from a desktop."""
    transfer = page.evaluate_handle(
        """(files) => {
            const transfer = new DataTransfer();
            for (const [name, text] of files) {
                transfer.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name));
            }
            return transfer;
        }""",
        [(name, base64.b64encode(body).decode()) for name, body in files],
    )
    page.dispatch_event("main", "dragover", {"dataTransfer": transfer})
    expect(page.get_by_text("Drop it to open it as a trace.")).to_be_visible()
    page.dispatch_event("main", "drop", {"dataTransfer": transfer})


def jaeger(spans: list[Record]) -> dict[str, Any]:
    """A trace as Jaeger's page saves it."""
    return {
        "traceID": spans[0].trace_id.hex(),
        "spans": [
            {
                "traceID": span.trace_id.hex(),
                "spanID": span.span_id.hex(),
                "operationName": span.name,
                "references": [
                    {
                        "refType": "CHILD_OF",
                        "traceID": span.trace_id.hex(),
                        "spanID": span.parent_id.hex(),
                    }
                ]
                if span.parent_id
                else [],
                "startTime": span.start // 1000,
                "duration": span.duration // 1000,
                "tags": [
                    {"key": "span.kind", "type": "string", "value": KINDS[span.kind]},
                    {"key": "error", "type": "bool", "value": span.error is not None},
                ],
                "logs": [],
                "processID": span.service,
            }
            for span in spans
        ],
        "processes": {span.service: {"serviceName": span.service, "tags": []} for span in spans},
    }


def lines(*traces: list[Record]) -> bytes:
    """Traces as `temponest export` writes them, in two requests each."""
    halves = [half for spans in traces for half in (spans[::2], spans[1::2]) if half]
    return b"".join(otlp_json.line(encode(half)) for half in halves)


def tempo(spans: list[Record]) -> bytes:
    data: TracesData = encode(spans)
    return json.dumps({"trace": json_format.MessageToDict(data)}).encode()


def shown(page: Page, spans: list[Record]) -> None:
    """The trace is on the page, with all of its spans."""
    expect(page.get_by_role("heading", level=1)).to_contain_text(spans[0].name)
    expect(page.locator(".facts")).to_contain_text(f"{len(spans)} spans")
    expect(page.get_by_role("treeitem", name=spans[0].name).first).to_be_visible()


def test_a_dropped_file_opens_as_a_trace_in_whichever_form_it_has(page: Page, failed: list[Record]) -> None:
    forms = {
        "trace.json": json.dumps(otlp_json.document(encode(failed)), indent=1).encode(),
        "export.jsonl": lines(failed),
        "export.jsonl.gz": gzip.compress(lines(failed)),
        "tempo.json": tempo(failed),
        "jaeger.json": json.dumps({"data": [jaeger(failed)]}).encode(),
    }
    asked: list[str] = []
    page.on("request", lambda request: asked.append(f"{request.method} {request.url}"))
    for name, body in forms.items():
        page.goto("/file")
        expect(page.get_by_role("heading", level=1)).to_have_count(1)
        drop(page, (name, body))
        shown(page, failed)
        expect(page.get_by_text(f"from {name}")).to_be_attached()
        expect(page).to_have_url(re.compile(f"/file/{failed[0].trace_id.hex()}$"))
    # Only parts of the pages were asked for, no API, and nothing was sent.
    assert [one for one in asked if not re.search(r"^GET [^?]+/(file|[\w./-]+\.(js|css|svg))$", one)] == []


def test_a_file_may_be_dropped_on_any_page(page: Page, failed: list[Record]) -> None:
    page.goto("/")
    expect(page.get_by_role("table", name="Traces")).to_be_visible()
    drop(page, ("trace.json", tempo(failed)))
    shown(page, failed)
    page.go_back()
    expect(page.get_by_role("table", name="Traces")).to_be_visible()


def test_a_file_is_chosen_by_keyboard_and_its_view_is_in_the_address(
    page: Page, failed: list[Record]
) -> None:
    body = json.dumps(otlp_json.document(encode(failed))).encode()
    file = FilePayload(name="trace.json", mimeType="application/json", buffer=body)
    page.goto("/file")
    expect(page.get_by_text("It is read in this browser and sent nowhere.")).to_be_visible()
    with page.expect_file_chooser() as chooser:
        # A key may overtake the order to watch for the dialog; an answer of the page comes after it.
        page.evaluate("document.title")
        page.keyboard.press("Shift+O")
    chooser.value.set_files(file)
    shown(page, failed)
    page.get_by_role("tab", name="Statistics").click()
    expect(page).to_have_url(re.compile("view=statistics"))
    # The file is gone with the page; the same file shows the same view again.
    page.reload()
    expect(page.get_by_role("heading", name="This trace came from a file")).to_be_visible()
    with page.expect_file_chooser() as again:
        page.get_by_role("button", name="Choose a file").click()
    again.value.set_files(file)
    expect(page.get_by_role("tab", name="Statistics")).to_have_attribute("aria-selected", "true")


def test_several_traces_of_a_file_are_a_list(page: Page, shop: Shop) -> None:
    chosen = sorted(shop.traces[-3:], key=lambda spans: -spans[0].start)
    page.goto("/file")
    drop(page, ("all.jsonl", lines(*chosen[1:])), ("one.json", tempo(chosen[0])))
    expect(page.get_by_role("heading", name="3 traces")).to_be_visible()
    rows = page.get_by_role("table", name="Traces").locator("tbody tr")
    expect(rows).to_have_count(3)
    rows.nth(1).get_by_role("link").click()
    shown(page, chosen[1])
    page.get_by_role("link", name="All 3 of it").click()
    expect(rows).to_have_count(3)


def test_a_file_that_holds_no_trace_is_told_with_what_can_be_opened(page: Page, failed: list[Record]) -> None:
    page.goto("/file")
    for name, body, words in (
        ("notes.json", b'{"note": 1}', "of no form that holds traces"),
        ("photo.png", b"\x89PNG\r\n\x1a\n\x00\xff", "It is not text."),
        ("cut.json.gz", gzip.compress(lines(failed))[:-40], "It is compressed, and damaged."),
        ("x.jsonl", lines(failed) + b'{"resourceSp', "is not JSON"),
    ):
        drop(page, (name, body))
        alert = page.get_by_role("alert")
        expect(alert).to_contain_text(f"{name} cannot be opened.")
        expect(alert).to_contain_text(words)
        expect(alert).to_contain_text("What can be opened: OTLP JSON")
    drop(page, ("good.jsonl", lines(failed)))
    shown(page, failed)
    expect(page.get_by_role("alert")).to_have_count(0)


def test_axe_finds_no_violation_where_files_are_opened(page: Page, shop: Shop) -> None:
    if not AXE.is_file():
        pytest.skip("axe-core is not installed: make pages")
    page.goto("/file")
    expect(page.get_by_role("button", name="Choose a file")).to_be_visible()
    drop(page, ("notes.json", b"{}"))
    expect(page.get_by_role("alert")).to_be_visible()
    assert violations(page) == []
    drop(page, ("some.jsonl", lines(*shop.traces[-3:])))
    expect(page.get_by_role("table", name="Traces").locator("tbody tr")).to_have_count(3)
    expect(page.get_by_role("alert")).to_have_count(0)
    assert violations(page) == []
    drop(page, ("one.json", tempo(shop.failed)))
    shown(page, shop.failed)
    assert violations(page) == []


def test_an_exported_page_is_opened_again_as_a_trace(page: Page, failed: list[Record]) -> None:
    page.goto(f"/trace/{failed[0].trace_id.hex()}")
    with page.expect_download() as download:
        page.get_by_role("button", name="Export HTML").click()
    body = download.value.path().read_bytes()
    drop(page, ("trace.html", body))
    expect(page.get_by_text("from trace.html")).to_be_attached()
    shown(page, failed)

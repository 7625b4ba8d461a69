from __future__ import annotations

import base64
from typing import Any

import pytest

from temponest.client.tempo import Tempo
from temponest.client.trace import hex_id, parse, value

SPAN_A, SPAN_B, SPAN_C = "a" * 16, "b" * 16, "c" * 16


def document(*spans: dict[str, Any], service: str = "shop") -> dict[str, Any]:
    resource = {"attributes": [{"key": "service.name", "value": {"stringValue": service}}]}
    return {"trace": {"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": list(spans)}]}]}}


def span(span_id: str, parent: str = "", start: int = 0, end: int = 10, **more: Any) -> dict[str, Any]:
    times = {"startTimeUnixNano": str(start), "endTimeUnixNano": str(end)}
    return {"spanId": span_id, "parentSpanId": parent, "name": span_id, **times, **more}


def test_tempos_empty_trace_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Tempo, "get", lambda *_, **__: {"trace": {}, "metrics": {}})
    assert Tempo("http://localhost:3200").trace("ab" * 16) is None


@pytest.mark.parametrize(
    ("query", "asked"),
    [
        ("{ status = error }", "{ status = error } with (most_recent=true)"),
        ("{ } with (most_recent=false)", "{ } with (most_recent=false)"),
    ],
)
def test_a_search_asks_for_the_newest_unless_the_query_says_otherwise(
    monkeypatch: pytest.MonkeyPatch, query: str, asked: str
) -> None:
    parameters: dict[str, Any] = {}
    monkeypatch.setattr(Tempo, "get", lambda *_, **given: parameters.update(given) or {"traces": []})
    Tempo("http://localhost:3200").search(query)
    assert parameters["q"] == asked


def test_children_hang_on_their_parents_in_order_of_start() -> None:
    trace = parse(document(span(SPAN_C, SPAN_A, 5), span(SPAN_B, SPAN_A, 2), span(SPAN_A)))
    assert [item.span_id for item in trace.walk()] == [SPAN_A, SPAN_B, SPAN_C]
    assert [item.depth for item in trace.walk()] == [0, 1, 1]


def test_a_span_whose_parent_is_missing_is_a_root() -> None:
    trace = parse(document(span(SPAN_A), span(SPAN_B, SPAN_C)))
    assert [item.span_id for item in trace.roots] == [SPAN_A, SPAN_B]


def test_a_circle_of_parents_is_shown_from_its_earliest_span() -> None:
    trace = parse(document(span(SPAN_A, SPAN_C, 1), span(SPAN_B, SPAN_A, 2), span(SPAN_C, SPAN_B, 3)))
    assert [item.span_id for item in trace.walk()] == [SPAN_A, SPAN_B, SPAN_C]


def test_kind_and_status_come_as_numbers_or_by_name() -> None:
    trace = parse(
        document(
            span(SPAN_A, kind=2, status={"code": 2, "message": "no"}),
            span(SPAN_B, kind="SPAN_KIND_CLIENT", status={"code": "STATUS_CODE_OK"}),
        )
    )
    assert [(item.kind, item.status) for item in trace.spans] == [("server", "error"), ("client", "ok")]


def test_batches_of_the_first_version_are_read_too() -> None:
    batches = document(span(SPAN_A))["trace"]["resourceSpans"]
    assert parse({"batches": batches}).services == ["shop"]


def test_ids_are_read_from_hex_and_from_base64() -> None:
    raw = bytes(range(8))
    assert hex_id(raw.hex().upper(), 8) == raw.hex()
    assert hex_id(base64.b64encode(raw).decode(), 8) == raw.hex()


def test_an_id_that_is_neither_is_refused_with_its_text() -> None:
    with pytest.raises(ValueError, match="'§' is not an id of 8 bytes"):
        hex_id("§", 8)


def test_every_kind_of_value_is_read() -> None:
    numbers = {"arrayValue": {"values": [{"intValue": "7"}]}}
    nested = {"kvlistValue": {"values": [{"key": "k", "value": numbers}]}}
    assert value(nested) == {"k": [7]}
    assert value({}) is None


def test_an_answer_without_spans_is_refused() -> None:
    with pytest.raises(ValueError, match="no spans"):
        parse({"trace": {}})

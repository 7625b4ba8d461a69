"""Traces as they really arrive: late, twice, without a root, in a circle, with odd ids, huge."""

from __future__ import annotations

import threading
import time
from collections.abc import Mapping
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from temponest.nest.model.fetch import Attribute, AttributeScope, Condition, FetchRequest, Operator
from temponest.nest.model.signal import Signal
from temponest.nest.model.span import Span, Value
from temponest.nest.store.attributes import ATTRIBUTES
from temponest.nest.store.store import Store

from .conftest import Open, keep
from .otlp import EPOCH, SECOND, Given, body, trace_id


def only(store_spans: dict[bytes, list[Span]]) -> list[Span]:
    (spans,) = store_spans.values()
    return spans


def never() -> bool:
    return False


def test_a_late_span_joins_its_trace_in_another_segment(open_store: Open) -> None:
    store = open_store()
    keep(store, body(Given(span=2, parent=1, start=EPOCH + 5)))
    store.seal()
    keep(store, body(Given(span=1, start=EPOCH)))
    spans = only(store.spans.traces([trace_id(1)], never))
    assert [span.start_ns for span in spans] == [EPOCH, EPOCH + 5]


def test_a_span_sent_twice_is_there_once(open_store: Open) -> None:
    store = open_store()
    keep(store, body(Given()))
    store.seal()
    keep(store, body(Given()), body(Given()))
    assert len(only(store.spans.traces([trace_id(1)], never))) == 1


def test_two_spans_that_share_an_id_are_both_there(open_store: Open) -> None:
    store = open_store()
    keep(store, body(Given(kind=3), Given(kind=2, service="db")))
    assert len(only(store.spans.traces([trace_id(1)], never))) == 2


def test_a_circle_of_parents_is_kept_as_it_came(open_store: Open) -> None:
    store = open_store()
    keep(store, body(Given(span=1, parent=2), Given(span=2, parent=1)))
    assert len(only(store.spans.traces([trace_id(1)], never))) == 2


@pytest.mark.parametrize("sealed", [False, True])
def test_a_64_bit_trace_id_is_padded_with_zeros(open_store: Open, sealed: bool) -> None:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    spans.add(trace_id=b"\x01" * 8, span_id=b"\x02" * 4, parent_span_id=b"\x03", start_time_unix_nano=EPOCH)
    store = open_store()
    keep(store, request.SerializeToString())
    if sealed:
        store.seal()
    (span,) = only(store.spans.traces([bytes(8) + b"\x01" * 8], never))
    assert span.span_id == bytes(4) + b"\x02" * 4
    assert span.parent_span_id == bytes(7) + b"\x03"


def test_spans_without_a_usable_id_are_counted_and_left_out(open_store: Open) -> None:
    request = ExportTraceServiceRequest()
    spans = request.resource_spans.add().scope_spans.add().spans
    spans.add(trace_id=b"", span_id=b"\x02" * 8)
    spans.add(trace_id=b"\x01" * 17, span_id=b"\x02" * 8)
    spans.add(trace_id=b"\x01" * 16, span_id=b"")
    spans.add(trace_id=b"\x01" * 16, span_id=b"\x02" * 8)
    store = open_store()
    keep(store, request.SerializeToString())
    assert (store.stats().recent_spans, store.stats().dropped_spans) == (1, 3)


def test_a_body_that_is_no_request_is_set_aside_and_the_others_are_kept(
    tmp_path: Path, open_store: Open
) -> None:
    store = open_store()
    futures = [
        store.append(Signal.TRACES, one) for one in (body(Given(trace=1)), b"\xff\xff", body(Given(trace=2)))
    ]
    for future in futures:
        future.result(timeout=60)
    store.flush()
    assert len(store.spans.traces([trace_id(1), trace_id(2)], never)) == 2
    assert store.stats().set_aside == 1
    (kept,) = (tmp_path / "aside").iterdir()
    assert kept.read_bytes() == b"\xff\xff"


def test_text_that_is_not_utf_8_is_repaired(open_store: Open) -> None:
    encoded = (
        body(Given(name="broken!", attributes={"key": "value!"}))
        .replace(b"n!", b"n\xff")
        .replace(b"e!", b"e\xff")
    )
    store = open_store()
    keep(store, encoded)
    (span,) = only(store.spans.traces([trace_id(1)], never))
    assert (span.name, span.attributes) == ("broken\ufffd", {"key": "value\ufffd"})


@pytest.mark.parametrize("moment", [0, 1, 2**63 - 1])
def test_times_at_the_ends_of_the_range_are_kept(open_store: Open, moment: int) -> None:
    store = open_store()
    keep(store, body(Given(start=moment, duration=0)))
    store.seal()
    (span,) = only(store.spans.traces([trace_id(1)], never))
    assert (span.start_ns, span.end_ns) == (moment, moment)


def test_times_beyond_signed_64_bits_are_cut_there(open_store: Open) -> None:
    store = open_store()
    keep(store, body(Given(start=2**64 - 1, duration=0)))
    (span,) = only(store.spans.traces([trace_id(1)], never))
    assert span.start_ns == 2**63 - 1


def test_an_attribute_of_a_megabyte_is_kept_whole(open_store: Open) -> None:
    store = open_store()
    keep(store, body(Given(attributes={"prompt": "x" * 1_000_000})))
    store.seal()
    (span,) = only(store.spans.traces([trace_id(1)], never))
    assert span.attributes["prompt"] == "x" * 1_000_000


def test_attributes_beyond_the_cap_are_counted_as_dropped(open_store: Open) -> None:
    many = {f"key.{number:04}": number for number in range(ATTRIBUTES + 5)}
    request = ExportTraceServiceRequest.FromString(
        body(
            Given(span=1, attributes={"few": True}),
            Given(span=2, attributes=many, start=EPOCH + 1),
            Given(span=3, attributes={"few": False}, start=EPOCH + 2),
        )
    )
    for group in request.resource_spans:
        group.scope_spans[0].spans[0].dropped_attributes_count = 2
    store = open_store()
    keep(store, request.SerializeToString())
    store.seal()
    before, capped, after = only(store.spans.traces([trace_id(1)], never))
    assert capped.attributes == dict(list(many.items())[:ATTRIBUTES])
    assert (before.attributes, after.attributes) == ({"few": True}, {"few": False})
    assert [span.dropped_attributes for span in (before, capped, after)] == [2, 7, 2]


def test_huge_attributes_are_sealed_before_they_fill_the_memory(open_store: Open) -> None:
    store = open_store()
    for number in range(11, 51):
        keep(store, body(Given(trace=number, attributes={"prompt": str(number) * 500_000})))
    store.flush()
    wait_for_a_segment(store)


def wait_for_a_segment(store: Store) -> None:
    """Segments are written behind the readers' back; fails when none has come in half a minute."""
    deadline = time.monotonic() + 30
    while not store.stats().segments:
        assert time.monotonic() < deadline
        threading.Event().wait(0.02)


def test_a_trace_of_200_000_spans_is_found_whole(open_store: Open) -> None:
    store = open_store()
    for first in range(0, 200_000, 20_000):
        numbers = range(first + 1, first + 20_001)
        keep(
            store,
            one_resource(
                *(Given(span=number, parent=number // 2, start=EPOCH + number) for number in numbers)
            ),
        )
    wait_for_a_segment(store)
    assert len(only(store.spans.traces([trace_id(1)], never))) == 200_000


def test_every_attribute_is_searchable_when_there_are_more_than_columns(open_store: Open) -> None:
    store = open_store()
    keep(
        store, *(body(Given(trace=number, attributes={f"key.{number}": number})) for number in range(1, 251))
    )
    store.seal()
    condition = Condition(Attribute(AttributeScope.SPAN, "key.250"), Operator.EQ, (250,))
    found = [one for page in store.spans.search(FetchRequest(conditions=(condition,)), never) for one in page]
    assert found == [trace_id(250)]


def test_events_keep_their_order_and_attributes(open_store: Open) -> None:
    events: list[tuple[str, Mapping[str, Value]]] = [
        ("first", {"n": 1}),
        ("second", {"text": "x", "list": (1, 2.5, "a")}),
    ]
    store = open_store()
    keep(store, body(Given(events=events, start=EPOCH + SECOND)))
    store.seal()
    (span,) = only(store.spans.traces([trace_id(1)], never))
    assert [(event.name, event.attributes) for event in span.events] == events


def one_resource(*spans: Given) -> bytes:
    """Like `body`, with all spans in one scope: what an exporter sends."""
    merged = ExportTraceServiceRequest()
    scoped = merged.resource_spans.add().scope_spans.add()
    for group in ExportTraceServiceRequest.FromString(body(*spans)).resource_spans:
        scoped.spans.extend(group.scope_spans[0].spans)
    return merged.SerializeToString()

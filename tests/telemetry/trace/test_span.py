from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.proto.trace.v1 import trace_pb2
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    Link,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
)

from shared.telemetry.otlp.attributes import Prepared
from shared.telemetry.trace.provider import TracerProvider
from shared.telemetry.trace.span import Span

from .conftest import Sent

Provide = Callable[..., TracerProvider]
OTHER = SpanContext(1, 2, True, TraceFlags(1))


@pytest.fixture
def start(provide: Provide) -> Callable[..., Span]:
    tracer = provide().get_tracer("t")

    def start(**arguments: Any) -> Span:
        span = tracer.start_span("s", **arguments)
        assert isinstance(span, Span)
        return span

    return start


def attributes(span: trace_pb2.Span) -> dict[str, Any]:
    return {
        pair.key: getattr(pair.value, pair.value.WhichOneof("value") or "string_value")
        for pair in span.attributes
    }


def test_a_span_is_what_processors_and_exporters_of_the_sdk_take(start: Callable[..., Span]) -> None:
    span = start(kind=SpanKind.CLIENT, attributes={"a": 1})

    assert isinstance(span, ReadableSpan)
    assert isinstance(span, SdkSpan)
    assert '"kind": "SpanKind.CLIENT"' in span.to_json()
    assert span.instrumentation_scope.name == "t"
    assert span.instrumentation_info.name == "t"
    assert span.resource.attributes["service.name"] == "test"


def test_attributes_are_those_given_and_those_set(start: Callable[..., Span], sent: Sent) -> None:
    span = start(attributes={"a": 1, "b": "x"})
    span.set_attribute("c", True)
    span.set_attributes({"a": 2, "d": 0.5})

    assert dict(span.attributes) == {"a": 2, "b": "x", "c": True, "d": 0.5}
    span.end()
    assert attributes(sent[0]) == {"a": 2, "b": "x", "c": True, "d": 0.5}


def test_setting_a_prepared_attribute_leaves_the_prepared_ones_as_they_are(
    start: Callable[..., Span], sent: Sent
) -> None:
    prepared = Prepared({"a": 1, "b": 2})
    span = start(attributes=prepared)
    span.set_attribute("b", 3)
    span.set_attribute("c", 4)
    span.end()
    start(attributes=prepared).end()

    assert attributes(sent[0]) == {"a": 1, "b": 3, "c": 4}
    assert attributes(sent[1]) == {"a": 1, "b": 2}
    assert dict(span.attributes) == {"a": 1, "b": 3, "c": 4}


@pytest.mark.parametrize("set_later", [True, False])
def test_a_list_is_copied_when_it_is_given(start: Callable[..., Span], sent: Sent, set_later: bool) -> None:
    items = [1]
    span = start(attributes=None if set_later else {"items": items})
    if set_later:
        span.set_attribute("items", items)
    items.append(2)
    span.end()

    assert [value.int_value for value in sent[0].attributes[0].value.array_value.values] == [1]


def test_an_object_is_recorded_as_its_text(start: Callable[..., Span], sent: Sent) -> None:
    class Order:
        def __str__(self) -> str:
            return "order 7"

    class Broken:
        def __str__(self) -> str:
            raise RuntimeError

    order: Any = Order()
    broken: Any = Broken()
    span = start(attributes={"order": order, "broken": broken})

    assert span.attributes["order"] == "order 7"
    span.end()
    assert attributes(sent[0]) == {"order": "order 7", "broken": "<Broken cannot be shown>"}


def test_the_oldest_attribute_makes_room_at_the_limit(provide: Provide, sent: Sent) -> None:
    tracer = provide(span_limits=SpanLimits(max_span_attributes=2)).get_tracer("t")
    with tracer.start_as_current_span("given", attributes={"a": 1, "b": 2, "c": 3}):
        pass
    with tracer.start_as_current_span("set") as span:
        for key in "abca":
            span.set_attribute(key, 1)
    with tracer.start_as_current_span("prepared", attributes=Prepared({"a": 1, "b": 2})) as span:
        span.set_attribute("c", 3)

    assert attributes(sent[0]) == {"b": 2, "c": 3}
    assert [sorted(attributes(one)) for one in sent] == [["b", "c"], ["a", "c"], ["b", "c"]]
    assert [one.dropped_attributes_count for one in sent] == [1, 2, 1]


def test_texts_are_cut_at_the_length_limit(provide: Provide, sent: Sent) -> None:
    tracer = provide(span_limits=SpanLimits(max_attribute_length=3)).get_tracer("t")
    with tracer.start_as_current_span("s", attributes={"a": "12345", "list": ["12345"]}) as span:
        span.set_attribute("b", "12345")
        span.add_event("e", {"c": "12345"})

    assert span.attributes == {"a": "123", "list": ("123",), "b": "123"}  # type: ignore[attr-defined]  # ours is readable
    assert attributes(sent[0])["b"] == "123"
    assert sent[0].events[0].attributes[0].value.string_value == "123"


def test_the_newest_events_and_links_stay_at_the_limit(provide: Provide, sent: Sent) -> None:
    tracer = provide(span_limits=SpanLimits(max_events=2, max_links=1)).get_tracer("t")
    with tracer.start_as_current_span("s", links=[Link(OTHER, {"n": 1}), Link(OTHER, {"n": 2})]) as span:
        for name in "abc":
            span.add_event(name)

    assert [event.name for event in sent[0].events] == ["b", "c"]
    assert sent[0].dropped_events_count == 1
    assert [link.attributes[0].value.int_value for link in sent[0].links] == [2]
    assert sent[0].dropped_links_count == 1


def test_a_link_that_says_nothing_is_left_out(start: Callable[..., Span], sent: Sent) -> None:
    span = start(links=[Link(INVALID_SPAN_CONTEXT), Link(INVALID_SPAN_CONTEXT, {"why": "x"})])
    span.add_link(OTHER)
    span.add_link(INVALID_SPAN_CONTEXT)
    span.end()

    assert [link.span_id for link in sent[0].links] == [bytes(8), (2).to_bytes(8, "big")]


def test_ok_is_final_and_unset_is_ignored(start: Callable[..., Span]) -> None:
    span = start()

    span.set_status(StatusCode.ERROR, "first")
    span.set_status(StatusCode.UNSET)
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, "first")
    span.set_status(Status(StatusCode.OK))
    span.set_status(StatusCode.ERROR, "late")
    assert span.status.status_code is StatusCode.OK


def test_a_span_that_has_ended_changes_no_more(start: Callable[..., Span], sent: Sent) -> None:
    span = start()
    span.end(5)

    span.set_attribute("a", 1)
    span.set_attributes({"a": 1})
    span.add_event("e")
    span.add_link(OTHER)
    span.set_status(StatusCode.ERROR)
    span.update_name("other")
    span.record_exception(ValueError())
    span.end(6)

    assert not span.is_recording()
    assert len(sent) == 1
    assert (span.name, span.end_time, dict(span.attributes)) == ("s", 5, {})
    assert (span.events, span.links, span.status.status_code) == ((), (), StatusCode.UNSET)


def test_a_renamed_span_is_sent_under_its_last_name(start: Callable[..., Span], sent: Sent) -> None:
    span = start()
    span.update_name("GET /orders/{id}")
    span.end()

    assert sent.names() == ["GET /orders/{id}"]


def test_an_exception_in_the_block_of_a_span_is_recorded_as_escaped(
    start: Callable[..., Span], sent: Sent
) -> None:
    with pytest.raises(KeyError), start():
        raise KeyError("k")

    found = {pair.key: pair.value.string_value for pair in sent[0].events[0].attributes}
    assert found["exception.type"] == "KeyError"
    assert found["exception.escaped"] == "True"
    assert "Traceback" in found["exception.stacktrace"]
    assert sent[0].status.message == "KeyError: 'k'"


def test_secrets_in_an_exception_are_not_sent(start: Callable[..., Span], sent: Sent) -> None:
    with pytest.raises(ValueError, match="password"), start():
        raise ValueError("cannot connect: password=hunter2")

    assert b"hunter2" not in sent[0].SerializeToString()
    assert b"password=REDACTED" in sent[0].SerializeToString()


def test_attributes_of_the_caller_win_over_those_of_the_exception(
    start: Callable[..., Span], sent: Sent
) -> None:
    span = start()
    span.record_exception(ValueError("x"), {"exception.message": "mine"}, timestamp=7)
    span.end()

    (event,) = sent[0].events
    assert event.time_unix_nano == 7
    assert {pair.key: pair.value.string_value for pair in event.attributes}["exception.message"] == "mine"


def test_a_long_stack_is_cut_in_the_middle(start: Callable[..., Span], sent: Sent) -> None:
    def down(depth: int) -> None:
        if depth == 0:
            raise ValueError("x" * 100_000)
        down(depth - 1)

    with pytest.raises(ValueError, match="x"), start():
        down(200)

    assert sent[0].ByteSize() < 30_000
    assert "characters left out" in str(sent[0].events[0])


def test_an_ended_span_does_not_keep_an_exceptions_frames(start: Callable[..., Span]) -> None:
    import gc
    import weakref

    class Held:
        pass

    held = Held()
    gone = weakref.ref(held)
    span = start()
    try:
        raise ValueError(held)
    except ValueError as error:
        span.record_exception(error)
    span.end()
    gc.disable()
    try:
        del held
        assert gone() is None
    finally:
        gc.enable()

from __future__ import annotations

import io
import os
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ConcurrentMultiSpanProcessor, ReadableSpan, SpanLimits, SpanProcessor
from opentelemetry.sdk.trace import Span as SdkSpan
from opentelemetry.sdk.trace import TracerProvider as SdkProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.trace import NoOpTracer, StatusCode

from shared.telemetry import lifecycle
from shared.telemetry.otlp.attributes import PREPARED_AT_MOST, Extended, Prepared
from shared.telemetry.trace import ids
from shared.telemetry.trace.provider import TracerProvider
from shared.telemetry.trace.span import Span

from .conftest import Sent

Provide = Callable[..., TracerProvider]


class Recorder(SpanProcessor):
    """Notes what it is called with."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, str]] = []

    def on_start(self, span: SdkSpan, parent_context: Context | None = None) -> None:
        del parent_context
        self.calls.append(("start", span.name))

    def on_end(self, span: ReadableSpan) -> None:
        self.calls.append(("end", span.name))

    def shutdown(self) -> None:
        self.calls.append(("shutdown", ""))


class Failing(SpanProcessor):
    def on_end(self, span: ReadableSpan) -> None:
        raise RuntimeError(span.name)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        raise RuntimeError(timeout_millis)


def test_it_stands_where_the_sdks_provider_does(provide: Provide) -> None:
    assert isinstance(provide(), SdkProvider)


@pytest.mark.parametrize("processor", [SimpleSpanProcessor, BatchSpanProcessor])
def test_processors_and_exporters_of_the_sdk_work(provide: Provide, processor: Any) -> None:
    memory, out = InMemorySpanExporter(), io.StringIO()
    provider = provide()
    provider.add_span_processor(processor(memory))
    provider.add_span_processor(processor(ConsoleSpanExporter(out=out)))

    with provider.get_tracer("t").start_as_current_span("s", attributes={"a": 1}) as span:
        span.add_event("e", {"b": 2})
        span.set_status(StatusCode.ERROR, "why")
    assert provider.force_flush()

    (finished,) = memory.get_finished_spans()
    assert finished.attributes == {"a": 1}
    assert finished.events[0].attributes == {"b": 2}
    assert '"description": "why"' in out.getvalue()
    provider.shutdown()


def test_processors_are_called_in_order_and_see_the_parent(provide: Provide) -> None:
    provider, recorder = provide(), Recorder()
    tracer = provider.get_tracer("taken before")
    provider.add_span_processor(recorder)

    with tracer.start_as_current_span("root"), tracer.start_as_current_span("child"):
        pass
    provider.shutdown()
    provider.shutdown()
    tracer.start_span("late").end()

    assert recorder.calls == [
        ("start", "root"),
        ("start", "child"),
        ("end", "child"),
        ("end", "root"),
        ("shutdown", ""),
    ]


def test_processors_may_run_concurrently(provide: Provide) -> None:
    processors = ConcurrentMultiSpanProcessor()
    recorder = Recorder()
    processors.add_span_processor(recorder)
    provider = provide(active_span_processor=processors, shutdown_on_exit=False)

    provider.get_tracer("t").start_span("s").end()

    assert recorder.calls == [("start", "s"), ("end", "s")]
    provider.shutdown()


def test_a_processor_that_fails_harms_neither_the_program_nor_the_next(
    provide: Provide, sent: Sent, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    monkeypatch.setattr(lifecycle, "_told", set())
    provider, recorder = provide(), Recorder()
    provider.add_span_processor(Failing())
    provider.add_span_processor(recorder)
    tracer = provider.get_tracer("t")

    tracer.start_span("a").end()
    tracer.start_span("b").end()

    assert sent.names() == ["a", "b"]
    assert recorder.calls == [("start", "a"), ("end", "a"), ("start", "b"), ("end", "b")]
    assert [record.message for record in caplog.records] == [
        "telemetry: the span processor Failing failed and goes on without: RuntimeError: a"
    ]
    assert provider.force_flush() is False
    provider.shutdown()


def test_the_same_scope_has_the_same_tracer(provide: Provide) -> None:
    provider = provide()

    assert provider.get_tracer("a", "1") is provider.get_tracer("a", "1")
    assert provider.get_tracer("a", "1") is not provider.get_tracer("a", "2")


def test_switched_off_by_the_environment_it_hands_out_tracers_that_do_nothing(
    provide: Provide, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")

    assert isinstance(provide().get_tracer("t"), NoOpTracer)


def test_a_new_resource_is_seen_by_spans_under_way(provide: Provide) -> None:
    provider = provide()
    span = provider.get_tracer("t").start_span("s")
    provider.update_resource(Resource({"service.instance.id": "2"}))

    assert isinstance(span, Span)
    assert span.resource.attributes["service.instance.id"] == "2"


class Counting(IdGenerator):
    def __init__(self) -> None:
        self.last = 0

    def generate_span_id(self) -> int:
        self.last += 1
        return self.last

    def generate_trace_id(self) -> int:
        return 7


def test_ids_come_from_the_given_generator(provide: Provide) -> None:
    tracer = provide(id_generator=Counting()).get_tracer("t")

    with tracer.start_as_current_span("a") as a, tracer.start_as_current_span("b") as b:
        pass

    assert [span.get_span_context().span_id for span in (a, b)] == [1, 2]
    assert a.get_span_context().trace_id == 7
    assert not a.get_span_context().trace_flags.random_trace_id


def test_seeding_the_programs_random_numbers_repeats_no_id(provide: Provide) -> None:
    tracer = provide().get_tracer("t")
    found = set()
    for _ in range(2):
        random.seed(1)
        found.add(tracer.start_span("s").get_span_context().trace_id)

    assert len(found) == 2


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:This process.*is multi-threaded:DeprecationWarning")
def test_a_forked_process_makes_ids_of_its_own() -> None:
    state = ids._random.getstate()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"%032x" % ids.trace_id())
        os._exit(0)
    os.waitpid(child, 0)
    ids._random.setstate(state)

    assert int(os.read(reader, 32), 16) != ids.trace_id()
    os.close(reader)
    os.close(writer)


def test_threads_make_spans_at_the_same_time(provide: Provide, sent: Sent) -> None:
    tracer = provide().get_tracer("t")

    def work(number: int) -> None:
        for _ in range(200):
            with tracer.start_as_current_span(f"{number}"), tracer.start_as_current_span(f"{number}.child"):
                pass

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    parents = {span.span_id: span for span in sent if "." not in span.name}
    children = [span for span in sent if "." in span.name]
    assert len(sent) == len({span.span_id for span in sent}) == 3200
    assert all(parents[child.parent_span_id].name == child.name.split(".")[0] for child in children)


def test_extended_attributes_are_a_mapping_of_both(provide: Provide, sent: Sent) -> None:
    attributes = Extended(Prepared({"a": 1, "b": 2}), {"c": 3})
    assert dict(attributes) == {"a": 1, "b": 2, "c": 3}
    assert (len(attributes), attributes["a"], attributes["c"], "d" in attributes) == (3, 1, 3, False)

    with provide().get_tracer("t").start_as_current_span("s", attributes=attributes) as span:
        span.set_attribute("d", 4)
        span.set_attribute("b", 5)

    assert {pair.key: pair.value.int_value for pair in sent[0].attributes} == {"a": 1, "b": 5, "c": 3, "d": 4}


def test_too_many_attributes_cannot_be_prepared() -> None:
    with pytest.raises(ValueError, match="give at most 32"):
        Prepared({f"{number}": number for number in range(PREPARED_AT_MOST + 1)})


@pytest.mark.parametrize(
    "limits", [None, SpanLimits(max_span_attributes=2), SpanLimits(max_attribute_length=9)]
)
def test_completing_sets_renames_and_ends(provide: Provide, sent: Sent, limits: SpanLimits | None) -> None:
    known = Prepared({"a": 1, "b": 2})
    span = provide(span_limits=limits).get_tracer("t").start_span("s", attributes=known)
    span.set_attribute("b", 3)
    assert isinstance(span, Span)
    span.complete(known, Prepared({**known, "c": 3}), "other", 2**62)
    span.complete(known, Prepared({**known, "d": 3}))

    assert sent.names() == ["other"]
    assert sent[0].end_time_unix_nano == 2**62
    assert {pair.key: pair.value.int_value for pair in sent[0].attributes} == (
        {"b": 3, "c": 3}
        if limits is not None and limits.max_span_attributes == 2
        else {"a": 1, "b": 3, "c": 3}
    )

"""Spans are encoded a few at a time, and none of them is forgotten."""

from __future__ import annotations

from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.resources import Resource

from shared.telemetry.config import Batching
from shared.telemetry.otlp.batch import BatchQueue
from shared.telemetry.otlp.reply import Outcome
from shared.telemetry.otlp.request import Signal
from shared.telemetry.trace import TracerProvider
from shared.telemetry.trace.ended import TOGETHER


class Sent:
    """An exporter that takes everything."""

    def export(self, signal: Signal, body: bytes, deadline: float) -> Outcome:
        del signal, body, deadline
        return Outcome(ok=True)

    def hurry(self, deadline: float | None) -> None:
        del deadline

    def reset(self) -> None:
        pass


def together(put: list[str]) -> TracerProvider:
    provider = TracerProvider(resource=Resource({}), shutdown_on_exit=False)
    provider.send_to(lambda _, record: put.append(Span.FromString(record).name), together=True)
    return provider


def test_the_first_span_goes_on_at_once_and_the_next_ones_in_company_and_order() -> None:
    put: list[str] = []
    tracer = together(put).get_tracer("t")
    names = [f"span {number}" for number in range(1 + TOGETHER)]
    for name in names[:-1]:
        tracer.start_span(name).end()
    assert put == names[:1]
    tracer.start_span(names[-1]).end()
    assert put == names


def test_shutdown_puts_what_waits() -> None:
    put: list[str] = []
    provider = together(put)
    for name in ("one", "two", "three"):
        provider.get_tracer("t").start_span(name).end()
    provider.shutdown()
    assert put == ["one", "two", "three"]


def test_counting_and_flushing_a_queue_take_what_waits() -> None:
    queue = BatchQueue(Signal.TRACES, Sent(), lambda: b"", Batching(delay=60))
    provider = TracerProvider(resource=Resource({}), shutdown_on_exit=False)
    queue.gather = provider.encode_ended
    provider.send_to(queue.put, queue.flush, together=True)
    for name in ("one", "two", "three"):
        provider.get_tracer("t").start_span(name).end()
    assert queue.counts().ended == 3
    provider.get_tracer("t").start_span("four").end()
    assert provider.force_flush(5000)
    assert queue.counts().exported == 4
    queue.shutdown(1)
    queue.join(5)

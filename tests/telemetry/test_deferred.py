"""What requests put down is done later: never forgotten, done twice, or late for who sends and collects."""

from __future__ import annotations

import os
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from opentelemetry import context
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.resources import Resource

from shared.telemetry import deferred
from shared.telemetry.config import Batching
from shared.telemetry.instrument.durations import Durations
from shared.telemetry.otlp.attributes import Prepared
from shared.telemetry.otlp.batch import BatchQueue
from shared.telemetry.otlp.reply import Outcome
from shared.telemetry.otlp.request import Signal
from shared.telemetry.trace import TracerProvider
from tests.telemetry.metrics.measured import Measured, in_trace


class Done(list[Any]):
    """Does the work that is a number: remembers it."""

    def settle(self, work: deferred.Work) -> None:
        self.append(work[1])


@pytest.fixture(autouse=True)
def _nothing_waits() -> Iterator[None]:
    deferred.settle()
    yield
    deferred.settle()


def test_a_full_batch_is_done_without_anybody_asking() -> None:
    done = Done()
    for number in range(deferred.AT_MOST - 1):
        deferred.put((done, number))
    assert done == []
    deferred.put((done, deferred.AT_MOST - 1))
    assert done == list(range(deferred.AT_MOST))


def test_after_an_answer_a_smaller_batch_is_done() -> None:
    done = Done()
    for number in range(deferred.TOGETHER - 1):
        deferred.put_last((done, number))
    assert done == []
    deferred.put_last((done, deferred.TOGETHER - 1))
    assert done == list(range(deferred.TOGETHER))


def test_nothing_put_by_any_thread_is_lost_or_done_twice() -> None:
    done = Done()

    def put(start: int) -> None:
        for number in range(start, start + 1000):
            deferred.put((done, number))

    threads = [Thread(target=put, args=(start,)) for start in range(0, 4000, 1000)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        deferred.settle()
    for thread in threads:
        thread.join()
    deferred.settle()
    assert sorted(done) == list(range(4000))


def test_what_fails_does_not_cost_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_CURRENT_TEST")

    class Fails(Done):
        def settle(self, work: deferred.Work) -> None:
            if work[1] == 1:
                raise ValueError("no good")
            super().settle(work)

    done = Fails()
    for number in range(3):
        deferred.put((done, number))
    deferred.settle()
    assert done == [0, 2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_nothing_of_what_its_parent_has_left() -> None:
    done = Done()
    deferred.put((done, 1))
    child = os.fork()
    if child == 0:
        deferred.settle()
        os._exit(len(done))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    deferred.settle()
    assert done == [1]


# -- measurements ------------------------------------------------------------------------------------------


def test_the_exemplar_is_of_the_trace_it_was_measured_in_and_not_of_the_one_that_records() -> None:
    measured = Measured()
    durations = Durations(measured.meter.create_histogram("x"), ("a",), None)
    attributes = Prepared({"a": "b"})
    token = context.attach(in_trace(0xABC))
    durations(1.0, attributes, 0, None)
    context.detach(token)
    token = context.attach(in_trace(0xFFF))
    (point,) = measured.points("x")
    context.detach(token)
    assert [exemplar.trace_id for exemplar in point.exemplars] == [0xABC]


def test_what_was_measured_outside_of_any_trace_gets_no_exemplar_of_the_one_that_records() -> None:
    measured = Measured()
    durations = Durations(measured.meter.create_histogram("x"), ("a",), None)
    durations(1.0, {"a": "b"}, 0, None)
    token = context.attach(in_trace(0xFFF))
    (point,) = measured.points("x")
    context.detach(token)
    assert point.exemplars == []


# -- spans -------------------------------------------------------------------------------------------------


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
    names = [f"span {number}" for number in range(1 + deferred.AT_MOST)]
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
    queue.gather = deferred.settle
    provider.send_to(queue.put, queue.flush, together=True)
    for name in ("one", "two", "three"):
        provider.get_tracer("t").start_span(name).end()
    assert queue.counts().ended == 3
    provider.get_tracer("t").start_span("four").end()
    assert provider.force_flush(5000)
    assert queue.counts().exported == 4
    queue.shutdown(1)
    queue.join(5)

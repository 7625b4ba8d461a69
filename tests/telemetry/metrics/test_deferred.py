"""Measurements put down in a request and recorded later are neither lost nor late for a collection."""

from __future__ import annotations

import os
from threading import Thread

import pytest
from opentelemetry import context

from shared.telemetry.instrument.durations import Durations
from shared.telemetry.metrics import deferred
from shared.telemetry.metrics.deferred import Deferred
from shared.telemetry.otlp.attributes import Prepared
from tests.telemetry.metrics.measured import Measured, in_trace


def test_a_full_batch_is_recorded_without_a_collection() -> None:
    recorded: list[int] = []
    waiting: Deferred[int] = Deferred(recorded.append)
    for number in range(deferred._BATCH - 1):
        waiting.put(number)
    assert recorded == []
    waiting.put(deferred._BATCH - 1)
    assert recorded == list(range(deferred._BATCH))


def test_nothing_put_by_any_thread_is_lost_or_recorded_twice() -> None:
    recorded: list[int] = []
    waiting: Deferred[int] = Deferred(recorded.append)

    def put(start: int) -> None:
        for number in range(start, start + 1000):
            waiting.put(number)

    threads = [Thread(target=put, args=(start,)) for start in range(0, 4000, 1000)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        waiting.settle()
    for thread in threads:
        thread.join()
    waiting.settle()
    assert sorted(recorded) == list(range(4000))


def test_one_measurement_that_fails_does_not_cost_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    recorded: list[int] = []

    def record(number: int) -> None:
        if number == 1:
            raise ValueError("no good")
        recorded.append(number)

    waiting: Deferred[int] = Deferred(record)
    for number in range(3):
        waiting.put(number)
    waiting.settle()
    assert recorded == [0, 2]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_does_not_record_what_its_parent_measured() -> None:
    recorded: list[int] = []
    waiting: Deferred[int] = Deferred(recorded.append)
    waiting.put(1)
    child = os.fork()
    if child == 0:
        waiting.settle()
        os._exit(len(recorded))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    waiting.settle()
    assert recorded == [1]


def test_the_exemplar_is_of_the_trace_it_was_measured_in_and_not_of_the_one_that_records() -> None:
    measured = Measured()
    durations = Durations(measured.meter.create_histogram("x"), ("a",), None)
    measured.provider.before_collection(durations.settle)
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
    measured.provider.before_collection(durations.settle)
    durations(1.0, {"a": "b"}, 0, None)
    token = context.attach(in_trace(0xFFF))
    (point,) = measured.points("x")
    context.detach(token)
    assert point.exemplars == []

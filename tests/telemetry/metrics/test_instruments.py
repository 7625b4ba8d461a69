"""Recording: exact under threads, never raising, whatever is recorded."""

from __future__ import annotations

import gc
import logging
import math
import sys
from collections.abc import Iterator
from threading import Thread
from typing import Any

import pytest
from opentelemetry.metrics import CallbackOptions, Observation

from shared.telemetry.metrics import instruments, preferences
from shared.telemetry.metrics.bound import bound
from shared.telemetry.metrics.points import HistogramPoint
from tests.telemetry.metrics.measured import Measured


@pytest.fixture
def measured() -> Measured:
    return Measured()


@pytest.fixture
def eager_switching() -> Iterator[None]:
    """Let threads take turns as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before)


@pytest.mark.usefixtures("eager_switching")
@pytest.mark.parametrize("temporality", ["cumulative", "delta"])
def test_no_record_of_any_thread_is_lost_while_others_collect(temporality: str) -> None:
    measured = Measured(preferences(temporality))
    counter = measured.meter.create_counter("counter")
    histogram = measured.meter.create_histogram("histogram")
    through_series = bound(counter, {"thread": "bound"})
    times = 3000

    def record(number: int) -> None:
        for _ in range(times):
            counter.add(1, {"thread": str(number % 2)})
            histogram.record(1, {"thread": str(number % 2)})
            through_series(1, None, None)

    threads = [Thread(target=record, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    collections = []
    while any(thread.is_alive() for thread in threads):
        collections.append(measured.totals())
    for thread in threads:
        thread.join()
    collections.append(measured.totals())
    wanted = {"counter": 8 * times, "histogram": 4 * times}
    if temporality == "cumulative":
        assert collections[-1] == wanted
    else:
        assert {name: sum(one.get(name, 0) for one in collections) for name in wanted} == wanted


def test_a_finalizer_that_records_while_its_series_is_recorded_does_not_deadlock(
    measured: Measured,
) -> None:
    counter = measured.meter.create_counter("counter")

    class Amount(int):
        """Records again in the middle of being added."""

        def __radd__(self, other: Any) -> Any:
            counter.add(1)
            gc.collect()
            return int(other) + int(self)

    counter.add(Amount(5))
    assert measured.values("counter")[()] in (5, 6)


@pytest.mark.parametrize("amount", [-1, math.nan, math.inf])
def test_a_counter_and_a_histogram_refuse_what_they_cannot_hold_and_say_so_once(
    measured: Measured, amount: float, caplog: pytest.LogCaptureFixture
) -> None:
    counter = measured.meter.create_counter("counter")
    histogram = measured.meter.create_histogram("histogram")
    for _ in range(3):
        counter.add(amount)
        histogram.record(amount)
    assert measured.collect() == {}
    assert len(caplog.records) == 2


def test_an_up_down_counter_and_a_gauge_take_negative_amounts(measured: Measured) -> None:
    measured.meter.create_up_down_counter("updown").add(-2)
    measured.meter.create_gauge("gauge").set(-3.5)
    assert measured.values("updown") == {(): -2}
    assert measured.values("gauge") == {(): -3.5}


def test_equal_values_of_different_types_are_different_series(measured: Measured) -> None:
    counter = measured.meter.create_counter("counter")
    for value in (1, 1.0, True, 1, True):
        counter.add(1, {"a": value, "b": "x"})
    found = {type(point.attributes["a"]): getattr(point, "value", 0) for point in measured.points("counter")}
    assert found == {int: 2, float: 1, bool: 2}


def test_the_order_of_attributes_does_not_matter(measured: Measured) -> None:
    counter = measured.meter.create_counter("counter")
    counter.add(1, {"a": "x", "b": "y"})
    counter.add(1, {"b": "y", "a": "x"})
    assert measured.values("counter") == {("x", "y"): 2}


def test_changing_the_mapping_afterwards_changes_no_series(measured: Measured) -> None:
    counter = measured.meter.create_counter("counter")
    attributes: dict[str, Any] = {"a": "x", "list": ["y"]}
    counter.add(1, attributes)
    attributes["a"] = "z"
    attributes["list"].append("more")
    (point,) = measured.points("counter")
    assert point.attributes == {"a": "x", "list": ("y",)}


def test_attributes_that_cannot_be_recorded_are_left_out(
    measured: Measured, caplog: pytest.LogCaptureFixture
) -> None:
    counter = measured.meter.create_counter("counter")
    odd: Any = {"ok": 1, "object": object(), 7: "seven", "": "empty", "none": None}
    counter.add(1, odd)
    not_a_mapping: Any = ["a"]
    counter.add(1, not_a_mapping)
    assert measured.values("counter") == {(1,): 1, (): 1}
    assert len(caplog.records) == 4


def test_an_instrument_of_a_name_no_receiver_takes_records_nothing(
    measured: Measured, caplog: pytest.LogCaptureFixture
) -> None:
    measured.meter.create_counter("1 bad name").add(1)
    measured.meter.create_counter("name", "ü").add(1)
    assert measured.collect() == {}
    assert len(caplog.records) == 2


def test_an_instrument_is_made_once_and_a_namesake_of_another_kind_is_told(
    measured: Measured, caplog: pytest.LogCaptureFixture
) -> None:
    first = measured.meter.create_counter("Requests", "{request}")
    assert measured.meter.create_counter("requests", "{request}") is first
    measured.meter.create_up_down_counter("requests")
    assert "requests is created as Counter" in caplog.text


def test_advised_boundaries_are_used_and_senseless_ones_are_not(
    measured: Measured, caplog: pytest.LogCaptureFixture
) -> None:
    create = measured.meter.create_histogram
    create("advised", explicit_bucket_boundaries_advisory=[1, 2]).record(1.5)
    create("senseless", explicit_bucket_boundaries_advisory=[2, 1]).record(1.5)
    collected = measured.collect()
    (advised,), (senseless,) = collected["advised"].points, collected["senseless"].points
    assert isinstance(advised, HistogramPoint)
    assert isinstance(senseless, HistogramPoint)
    assert (advised.explicit_bounds, list(advised.bucket_counts)) == ((1, 2), [0, 1, 0])
    assert len(senseless.explicit_bounds) == 15
    assert "senseless" in caplog.text


def test_a_callback_that_fails_leaves_the_others_alone_and_is_told_once(
    measured: Measured, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_: CallbackOptions) -> list[Observation]:
        raise RuntimeError("no reading")

    measured.meter.create_observable_gauge("fails", [fails])
    measured.meter.create_observable_gauge("works", [lambda _: [Observation(1)]])
    for _ in range(3):
        assert measured.values("works") == {(): 1}
    assert [record.levelno for record in caplog.records] == [logging.ERROR]


def test_a_generator_is_a_callback_that_is_sent_the_options(measured: Measured) -> None:
    def generator() -> Any:
        total = 0
        options = yield
        while True:
            assert isinstance(options, CallbackOptions)
            total += 1
            options = yield [Observation(total)]

    measured.meter.create_observable_counter("total", [generator()])
    assert measured.values("total") == {(): 1}
    assert measured.values("total") == {(): 2}


def test_an_attribute_set_that_is_no_longer_observed_disappears(measured: Measured) -> None:
    seen = [Observation(1, {"disk": "a"}), Observation(2, {"disk": "b"})]
    measured.meter.create_observable_gauge("usage", [lambda _: seen])
    assert set(measured.values("usage")) == {("a",), ("b",)}
    seen.pop()
    assert set(measured.values("usage")) == {("a",)}


def test_many_attribute_sets_leave_a_bounded_memory_of_look_ups(measured: Measured) -> None:
    counter: Any = measured.meter.create_counter("counter")
    for number in range(instruments._REMEMBERED * 2):
        counter.add(1, {"id": str(number)})
    assert len(counter._targets) <= instruments._REMEMBERED

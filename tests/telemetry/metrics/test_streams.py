"""Streams: views, cardinality limits, temporality, exemplars, and forks."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import pytest
from opentelemetry import metrics as api
from opentelemetry.metrics import Observation
from opentelemetry.sdk.metrics import AlwaysOffExemplarFilter, AlwaysOnExemplarFilter, Counter
from opentelemetry.sdk.metrics.view import (
    DropAggregation,
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
    View,
)

from shared.telemetry.metrics import MeterProvider, preferences
from shared.telemetry.metrics.bound import bound
from shared.telemetry.metrics.manual import ManualReader
from shared.telemetry.metrics.points import (
    Exemplar,
    ExponentialPoint,
    HistogramPoint,
    Kind,
    NumberPoint,
    Temporality,
)
from tests.telemetry.metrics.measured import Measured, in_trace


def exemplars(measured: Measured, name: str) -> Sequence[Exemplar]:
    (point,) = measured.points(name)
    return point.exemplars


def only(measured: Measured, name: str) -> Any:
    (point,) = measured.points(name)
    return point


# Views


def test_a_view_renames_describes_and_keeps_some_attributes() -> None:
    view = View(instrument_name="orders", name="sales", description="Sold", attribute_keys={"shop"})
    measured = Measured(views=[view])
    counter = measured.meter.create_counter("orders", "{order}", "Ordered")
    counter.add(1, {"shop": "a", "customer": "1"})
    counter.add(2, {"shop": "a", "customer": "2"})
    metric = measured.collect()["sales"]
    assert (metric.description, metric.unit) == ("Sold", "{order}")
    assert [(point.attributes, getattr(point, "value", 0)) for point in metric.points] == [({"shop": "a"}, 3)]


@pytest.mark.parametrize(
    "criteria",
    [
        {"instrument_type": Counter},
        {"instrument_type": api.Counter},
        {"instrument_type": api.Instrument},
        {"instrument_name": "ORD*"},
        {"instrument_unit": "{order}"},
        {"meter_name": "test"},
    ],
)
def test_a_view_selects_by_class_name_unit_and_meter(criteria: dict[str, Any]) -> None:
    measured = Measured(views=[View(aggregation=DropAggregation(), **criteria)])
    measured.meter.create_counter("orders", "{order}").add(1)
    other = measured.provider.get_meter("other")
    other.create_histogram("wait", "s").record(1)
    assert "orders" not in measured.collect()


def test_a_view_for_other_instruments_changes_nothing() -> None:
    measured = Measured(views=[View(instrument_type=api.UpDownCounter, aggregation=DropAggregation())])
    measured.meter.create_counter("orders").add(1)
    assert "orders" in measured.collect()


def test_two_views_make_two_metrics_of_one_instrument() -> None:
    views = [
        View(instrument_name="wait", aggregation=ExplicitBucketHistogramAggregation([1.0])),
        View(instrument_name="wait", name="wait.fine", aggregation=ExponentialBucketHistogramAggregation()),
    ]
    measured = Measured(views=views)
    histogram = measured.meter.create_histogram("wait")
    histogram.record(2, {"a": 1})
    bound(histogram, {"a": 1})(2, None, None)
    collected = measured.collect()
    assert {name: metric.kind for name, metric in collected.items()} == {
        "wait": Kind.HISTOGRAM,
        "wait.fine": Kind.EXPONENTIAL_HISTOGRAM,
    }
    counts = [getattr(point, "count", 0) for metric in collected.values() for point in metric.points]
    assert counts == [2, 2]


def test_a_view_makes_no_histogram_of_what_callbacks_report(caplog: pytest.LogCaptureFixture) -> None:
    measured = Measured(
        views=[View(instrument_name="*", aggregation=ExplicitBucketHistogramAggregation([1.0]))]
    )
    measured.meter.create_observable_counter("total", [lambda _: [Observation(1)]])
    assert measured.values("total") == {(): 1}
    assert "not applied" in caplog.text


def test_views_that_make_namesakes_are_told(caplog: pytest.LogCaptureFixture) -> None:
    measured = Measured(views=[View(instrument_name="a*", name=None, meter_name="test")] * 2)
    measured.meter.create_counter("abc")
    assert "several metrics called abc" in caplog.text


# Cardinality


@pytest.mark.parametrize("aggregated", ["counter", "histogram"])
def test_attribute_sets_beyond_2000_go_to_the_overflow_series(aggregated: str) -> None:
    measured = Measured()
    record = (
        measured.meter.create_counter("x").add
        if aggregated == "counter"
        else measured.meter.create_histogram("x").record
    )
    for number in range(2005):
        record(1, {"id": number})
    record(1, {"id": 0})
    points = measured.points("x")
    assert len(points) == 2001
    (overflow,) = (point for point in points if point.attributes == {"otel.metric.overflow": True})
    assert (overflow.value if isinstance(overflow, NumberPoint) else getattr(overflow, "count", 0)) == 5


def test_a_delta_interval_begins_with_room_for_new_attribute_sets() -> None:
    view = View(instrument_name="x", aggregation_cardinality_limit=2)
    measured = Measured(preferences("delta"), views=[view])
    counter = measured.meter.create_counter("x")
    for interval in range(3):
        for number in range(2):
            counter.add(1, {"id": f"{interval}.{number}"})
        assert len(measured.values("x")) == 2
        assert (True,) not in measured.values("x")


# Temporality


def test_a_bound_series_goes_on_in_the_next_delta_interval() -> None:
    measured = Measured(preferences("delta"))
    record = bound(measured.meter.create_counter("x"), {"a": "b"})
    for amount in (1, 2):
        record(amount, None, None)
        assert measured.values("x") == {("b",): amount}
    assert measured.points("x") == ()


def test_a_delta_point_begins_where_the_one_before_ended() -> None:
    measured = Measured(preferences("delta"))
    counter = measured.meter.create_counter("x")
    counter.add(1)
    first = only(measured, "x")
    counter.add(1)
    second = only(measured, "x")
    assert second.start_time_unix_nano == first.time_unix_nano
    assert first.start_time_unix_nano <= first.time_unix_nano


def test_low_memory_preference_keeps_observed_totals_cumulative() -> None:
    measured = Measured(preferences("lowmemory"))
    measured.meter.create_counter("counted").add(1)
    measured.meter.create_observable_counter("observed", [lambda _: [Observation(1)]])
    measured.meter.create_up_down_counter("updown").add(1)
    temporality = {name: metric.temporality for name, metric in measured.collect().items()}
    assert temporality == {
        "counted": Temporality.DELTA,
        "observed": Temporality.CUMULATIVE,
        "updown": Temporality.CUMULATIVE,
    }


def test_readers_collect_independently_of_each_other() -> None:
    delta, cumulative = ManualReader(preferences("delta")), ManualReader()
    provider = MeterProvider([delta, cumulative], shutdown_on_exit=False)
    counter = provider.get_meter("test").create_counter("x")

    def values(reader: ManualReader) -> list[float]:
        return [
            point.value
            for of_scope in reader.collect(1)
            for metric in of_scope.metrics
            for point in metric.points
            if isinstance(point, NumberPoint)
        ]

    counter.add(1)
    assert (values(delta), values(cumulative)) == ([1], [1])
    counter.add(2)
    assert (values(delta), values(cumulative)) == ([2], [3])


# Exponential histograms


@pytest.mark.parametrize("values", [[1, 2, 4, 1024], [1e-300, 1e300], [-1, 1, 0, -1e6], [5e-324, 1.0]])
def test_an_exponential_histogram_keeps_its_size_and_every_value_in_its_bucket(values: list[float]) -> None:
    view = View(instrument_name="x", aggregation=ExponentialBucketHistogramAggregation(max_size=4))
    measured = Measured(views=[view])
    gauge = measured.meter.create_gauge("x")
    for value in values:
        gauge.set(value)
    point = only(measured, "x")
    assert isinstance(point, ExponentialPoint)
    assert (point.count, point.min, point.max) == (len(values), min(values), max(values))
    base = 2**-point.scale
    for sign, buckets in ((1, point.positive), (-1, point.negative)):
        magnitudes = [abs(value) for value in values if value * sign > 0]
        assert len(buckets.counts) <= 4
        assert sum(buckets.counts) == len(magnitudes)
        for value in magnitudes:
            value = max(value, 2.2250738585072014e-308)
            fitting = [
                index
                for index, count in enumerate(buckets.counts, buckets.offset)
                if count and index * base < 1024 and 2.0 ** (index * base) < value
            ]
            assert fitting, (value, buckets)


# Exemplars


def test_a_measurement_in_a_sampled_trace_may_become_an_exemplar() -> None:
    measured = Measured()
    measured.meter.create_counter("x").add(7, {"a": 1}, in_trace(0xABC, 0xDEF))
    (exemplar,) = exemplars(measured, "x")
    assert (exemplar.value, exemplar.trace_id, exemplar.span_id) == (7, 0xABC, 0xDEF)
    assert exemplar.filtered_attributes == {}


def test_outside_of_a_sampled_trace_none_does() -> None:
    measured = Measured()
    counter = measured.meter.create_counter("x")
    counter.add(1)
    counter.add(1, None, in_trace(sampled=False))
    assert exemplars(measured, "x") == []


def test_the_filters_of_the_sdk_are_taken_by_their_meaning() -> None:
    always, never = (
        Measured(exemplar_filter=AlwaysOnExemplarFilter()),
        Measured(exemplar_filter=AlwaysOffExemplarFilter()),
    )
    always.meter.create_counter("x").add(1)
    never.meter.create_counter("x").add(1, None, in_trace())
    assert [exemplar.trace_id for exemplar in exemplars(always, "x")] == [0]
    assert exemplars(never, "x") == []


def test_the_environment_chooses_the_filter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_METRICS_EXEMPLAR_FILTER", "always_off")
    measured = Measured()
    measured.meter.create_counter("x").add(1, None, in_trace())
    assert exemplars(measured, "x") == []


def test_a_histogram_keeps_one_exemplar_a_bucket_and_starts_anew_each_interval() -> None:
    measured = Measured()
    histogram = measured.meter.create_histogram("x", explicit_bucket_boundaries_advisory=[1, 10])
    for value in (0.5, 0.6, 5, 50):
        histogram.record(value, None, in_trace())
    found = [exemplar.value for exemplar in exemplars(measured, "x")]
    assert len(found) == 3
    assert (found[0] in (0.5, 0.6), found[1:]) == (True, [5, 50])
    histogram.record(5, None, in_trace())
    assert [exemplar.value for exemplar in exemplars(measured, "x")] == [5]


def test_every_measurement_of_an_interval_is_as_likely_to_be_the_exemplar() -> None:
    measured = Measured()
    counter = measured.meter.create_counter("x")
    context = in_trace()
    times, length = 3000, 5
    chosen = dict.fromkeys(range(1, length + 1), 0)
    for _ in range(times):
        for value in chosen:
            counter.add(value, None, context)
        (exemplar,) = exemplars(measured, "x")
        chosen[int(exemplar.value)] += 1
    # Six standard deviations of a fair choice.
    assert all(abs(count - times / length) < 132 for count in chosen.values()), chosen


def test_a_reservoir_that_a_view_brings_is_offered_every_measurement() -> None:
    offered: list[float] = []

    class Kept:
        def offer(self, value: float, *_: Any) -> None:
            offered.append(value)

        def collect(self, _: Any) -> list[Any]:
            return []

    factory: Any = lambda _: lambda **__: Kept()  # noqa: E731 - a factory of factories, as that SDK has it
    measured = Measured(views=[View(instrument_name="x", exemplar_reservoir_factory=factory)])
    histogram = measured.meter.create_histogram("x")
    for value in (1, 2, 3):
        histogram.record(value, None, in_trace())
    assert offered == [1, 2, 3]


# Forks


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_child_counts_from_zero_and_keeps_gauges() -> None:
    measured = Measured()
    counter = measured.meter.create_counter("counter")
    histogram = measured.meter.create_histogram("histogram")
    record = bound(counter, {})
    measured.meter.create_gauge("gauge").set(7)
    record(5, None, None)
    histogram.record(5)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        record(1, None, None)
        histogram.record(1)
        os.write(writing, repr(sorted(measured.totals().items())).encode())
        os._exit(0)
    os.waitpid(child, 0)
    told = os.read(reading, 1000).decode()
    os.close(reading)
    os.close(writing)
    assert told == repr([("counter", 1), ("gauge", 7), ("histogram", 1)])
    assert measured.totals() == {"counter": 5, "gauge": 7, "histogram": 1}


def test_an_empty_histogram_of_a_view_without_extremes_has_none() -> None:
    aggregation = ExplicitBucketHistogramAggregation([1.0], record_min_max=False)
    measured = Measured(views=[View(instrument_name="x", aggregation=aggregation)])
    measured.meter.create_histogram("x").record(3)
    point = only(measured, "x")
    assert isinstance(point, HistogramPoint)
    assert (point.min, point.max, point.sum) == (None, None, 3)

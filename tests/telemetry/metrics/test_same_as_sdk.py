"""Any sequence of measurements and collections gives the data points of the official SDK."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from threading import Barrier, Thread
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry import metrics as api
from opentelemetry.metrics import CallbackOptions, Observation
from opentelemetry.sdk import metrics as sdk
from opentelemetry.sdk.metrics.export import AggregationTemporality, InMemoryMetricReader
from opentelemetry.sdk.metrics.view import (
    DropAggregation,
    ExplicitBucketHistogramAggregation,
    ExponentialBucketHistogramAggregation,
    LastValueAggregation,
    View,
)

from shared.telemetry.metrics import MeterProvider

THREADS = 3
# Sums of these are exact in any order, so threads may interleave as they like.
AMOUNTS = st.one_of(st.integers(1, 1 << 20), st.integers(1, 1 << 20).map(lambda n: n / 64))
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["method", "route", "status", "ok"]),
    st.sampled_from(["GET", "POST", "/a/{id}", 200, 200.0, 1, 1.0, True, False, 0, ("a", "b")]),
    max_size=3,
)
SYNCHRONOUS = [
    "requests",
    "active",
    "duration",
    "advised",
    "exponential",
    "dropped",
    "renamed",
    "limited",
    "twice",
]
# A last value and what fits below a limit depend on the order, so these stay on one thread.
ORDERED = {"twice", "limited"}
VIEWS = (
    View(instrument_name="dropped", aggregation=DropAggregation()),
    View(instrument_name="renamed", name="other", attribute_keys={"method"}, description="by method"),
    View(instrument_name="limited", aggregation_cardinality_limit=2),
    View(instrument_name="exponential", aggregation=ExponentialBucketHistogramAggregation(max_size=8)),
    View(instrument_name="twice", aggregation=LastValueAggregation()),
    View(instrument_name="tw*", aggregation=ExplicitBucketHistogramAggregation([10, 1000], False)),
)
DELTA: dict[type, AggregationTemporality] = dict.fromkeys(
    (sdk.Counter, sdk.UpDownCounter, sdk.Histogram, sdk.ObservableCounter, sdk.ObservableUpDownCounter),
    AggregationTemporality.DELTA,
)


@dataclass(frozen=True)
class Measured:
    """One call of an instrument; `reverse` hands the same attributes in another order."""

    instrument: str
    amount: float
    attributes: dict[str, Any]
    reverse: bool
    thread: int

    def ordered(self) -> dict[str, Any]:
        return dict(reversed(self.attributes.items())) if self.reverse else self.attributes


@dataclass(frozen=True)
class Interval:
    """What happens before a collection: records on threads, a gauge set in order, what callbacks will say."""

    measured: list[Measured]
    gauged: list[tuple[float, dict[str, Any]]]
    observed: list[tuple[int, dict[str, Any]]]


MEASURED = st.builds(
    Measured,
    st.sampled_from(SYNCHRONOUS),
    AMOUNTS,
    ATTRIBUTES,
    st.booleans(),
    st.integers(0, THREADS - 1),
)
INTERVALS = st.lists(
    st.builds(
        Interval,
        st.lists(MEASURED, max_size=15),
        st.lists(st.tuples(AMOUNTS, ATTRIBUTES), max_size=4),
        st.lists(st.tuples(st.integers(0, 1000), ATTRIBUTES), max_size=4),
    ),
    min_size=1,
    max_size=4,
)


class Subject:
    """One provider with one instrument of every kind."""

    def __init__(self, provider: type[api.MeterProvider], delta: bool) -> None:
        self.reader = InMemoryMetricReader(preferred_temporality=DELTA if delta else None)
        made: Any = provider
        self.provider = made(metric_readers=[self.reader], views=VIEWS, shutdown_on_exit=False)
        meter = self.provider.get_meter("test")
        self.observed: list[tuple[int, dict[str, Any]]] = []
        self.record = {
            "requests": meter.create_counter("requests", "{request}", "all of them").add,
            "active": meter.create_up_down_counter("active").add,
            "duration": meter.create_histogram("duration", "ms").record,
            "advised": meter.create_histogram(
                "advised", explicit_bucket_boundaries_advisory=[1, 2.5, 10000]
            ).record,
            "exponential": meter.create_histogram("exponential").record,
            "dropped": meter.create_counter("dropped").add,
            "renamed": meter.create_counter("renamed").add,
            "limited": meter.create_counter("limited").add,
            "twice": meter.create_histogram("twice").record,
        }
        self.gauge = meter.create_gauge("gauge")
        meter.create_observable_counter("observed.counter", [self.observe])
        meter.create_observable_up_down_counter("observed.updown", [self.observe])
        meter.create_observable_gauge("observed.gauge", [self.observe])

    def observe(self, _: CallbackOptions) -> Iterable[Observation]:
        return [Observation(value, attributes) for value, attributes in self.observed]

    def live(self, interval: Interval) -> None:
        barrier = Barrier(THREADS)

        def run(thread: int) -> None:
            barrier.wait()
            for measured in interval.measured:
                if measured.thread == thread and measured.instrument not in ORDERED:
                    self.record[measured.instrument](measured.amount, measured.ordered())

        threads = [Thread(target=run, args=(thread,)) for thread in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for measured in interval.measured:
            if measured.instrument in ORDERED:
                self.record[measured.instrument](measured.amount, measured.ordered())
        for amount, attributes in interval.gauged:
            self.gauge.set(amount, attributes)
        self.observed = interval.observed

    def collect(self) -> dict[str, Any]:
        data = self.reader.get_metrics_data()
        if data is None:
            return {}
        (of_resource,) = data.resource_metrics
        (of_scope,) = of_resource.scope_metrics
        return {
            f"{metric.name} {type(metric.data).__name__}": (
                metric.unit,
                metric.description,
                getattr(metric.data, "aggregation_temporality", None),
                getattr(metric.data, "is_monotonic", None),
                sorted((_facts(point) for point in metric.data.data_points), key=repr),
            )
            for metric in of_scope.metrics
        }


def _facts(point: Any) -> tuple[Any, ...]:
    fields = [
        "value",
        "count",
        "sum",
        "min",
        "max",
        "bucket_counts",
        "explicit_bounds",
        "scale",
        "zero_count",
        "positive",
        "negative",
    ]
    attributes = sorted((key, type(value).__name__, value) for key, value in point.attributes.items())
    return (attributes, *((field, _plain(getattr(point, field, None))) for field in fields))


def _plain(value: Any) -> Any:
    if hasattr(value, "bucket_counts"):
        counts = list(value.bucket_counts)
        while counts and not counts[-1]:
            counts.pop()
        return (value.offset if counts else 0, counts)
    return list(value) if isinstance(value, Sequence) else value


@pytest.mark.parametrize("delta", [False, True], ids=["cumulative", "delta"])
@settings(max_examples=60, deadline=None)
@given(intervals=INTERVALS)
def test_every_point_is_the_sdks(delta: bool, intervals: list[Interval]) -> None:
    ours, theirs = Subject(MeterProvider, delta), Subject(sdk.MeterProvider, delta)
    for interval in intervals:
        ours.live(interval)
        theirs.live(interval)
        assert ours.collect() == theirs.collect()

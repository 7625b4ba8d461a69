"""The provider and the periodic reader: meters, exports, flushes and ends."""

from __future__ import annotations

import threading
import time
from typing import Any

import pytest
from opentelemetry.metrics import NoOpMeter, Observation
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from shared.telemetry.metrics import MeterProvider, PeriodicReader
from shared.telemetry.metrics.manual import ManualReader
from shared.telemetry.metrics.points import NumberPoint, ScopeMetrics
from tests.telemetry.metrics.measured import Measured


class Exports:
    """An exporter that keeps the values of one counter and tells when there are some."""

    def __init__(self) -> None:
        self.values: list[float] = []
        self.arrived = threading.Semaphore(0)
        self.closed = 0
        self.error: Exception | None = None

    def export(self, metrics: list[ScopeMetrics], deadline: float) -> bool:
        del deadline
        try:
            if self.error is not None:
                raise self.error
            for point in metrics[0].metrics[0].points:
                assert isinstance(point, NumberPoint)
                self.values.append(point.value)
        finally:
            self.arrived.release()
        return True

    def close(self) -> None:
        self.closed += 1

    def reset(self) -> None:
        pass


def provider_of(exports: Exports, interval: float = float("inf")) -> MeterProvider:
    return MeterProvider([PeriodicReader(exports, interval)], shutdown_on_exit=False)


def test_a_meter_is_the_same_for_the_same_scope() -> None:
    provider = Measured().provider
    assert provider.get_meter("a", "1") is provider.get_meter("a", "1")
    assert provider.get_meter("a", "1") is not provider.get_meter("a", "2")
    assert provider.get_meter("a", attributes={"k": 1}) is not provider.get_meter("a")


def test_a_meter_without_a_name_records_nothing_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    assert isinstance(Measured().provider.get_meter(""), NoOpMeter)
    assert "needs a name" in caplog.text


def test_with_the_sdk_disabled_meters_record_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    assert isinstance(Measured().provider.get_meter("a"), NoOpMeter)


def test_the_reader_exports_at_its_interval() -> None:
    exports = Exports()
    provider = provider_of(exports, 0.01)
    provider.get_meter("test").create_counter("x").add(3)
    for _ in range(3):
        assert exports.arrived.acquire(timeout=10)
    provider.shutdown()
    assert set(exports.values) == {3}


def test_an_export_that_fails_is_not_the_last(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    exports = Exports()
    exports.error = OSError("no route")
    provider = provider_of(exports, 0.01)
    provider.get_meter("test").create_counter("x").add(3)
    assert exports.arrived.acquire(timeout=10)
    assert exports.arrived.acquire(timeout=10)
    exports.error = None
    provider.shutdown()


@pytest.mark.parametrize("interval", [0, -1])
def test_an_interval_that_is_none_is_refused(interval: float) -> None:
    with pytest.raises(ValueError, match="above zero"):
        PeriodicReader(Exports(), interval)


def test_interval_and_timeout_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_METRIC_EXPORT_INTERVAL", "1500")
    monkeypatch.setenv("OTEL_METRIC_EXPORT_TIMEOUT", "700")
    reader: Any = PeriodicReader(Exports())
    assert (reader._interval, reader._timeout) == (1.5, 0.7)


def test_a_flush_exports_now_and_a_shutdown_once_more() -> None:
    exports = Exports()
    provider = provider_of(exports)
    counter = provider.get_meter("test").create_counter("x")
    counter.add(1)
    assert provider.force_flush()
    counter.add(1)
    provider.shutdown()
    provider.shutdown()
    assert exports.values == [1, 2]
    assert exports.closed == 1
    counter.add(1)  # Recording after the end is no error.
    assert isinstance(provider.get_meter("late"), NoOpMeter)


def test_a_flush_does_not_wait_longer_than_its_deadline_for_another_export() -> None:
    release = threading.Event()

    class Stuck(Exports):
        def export(self, metrics: list[ScopeMetrics], deadline: float) -> bool:
            self.arrived.release()
            release.wait(30)
            return super().export(metrics, deadline)

    exports = Stuck()
    provider = provider_of(exports, 0.01)
    provider.get_meter("test").create_counter("x").add(1)
    assert exports.arrived.acquire(timeout=10)
    try:
        assert not provider.force_flush(timeout_millis=1)
    finally:
        release.set()
    provider.shutdown()


def test_callbacks_that_used_up_the_time_are_the_last_that_are_asked() -> None:
    measured = Measured()
    asked: list[str] = []

    def slow(_: Any) -> list[Observation]:
        asked.append("slow")
        until = time.monotonic() + 0.02
        while time.monotonic() < until:
            pass
        return [Observation(1)]

    measured.meter.create_observable_gauge("slow", [slow])

    def other(_: Any) -> list[Observation]:
        asked.append("other")
        return []

    measured.meter.create_observable_gauge("other", [other])
    measured.meter.create_counter("x").add(1)
    (of_scope,) = measured.reader.collect(0.01)
    assert asked == ["slow"]
    assert {metric.name for metric in of_scope.metrics} == {"slow", "x"}


def test_a_reader_that_comes_later_collects_what_is_recorded_from_then_on() -> None:
    measured = Measured()
    counter = measured.meter.create_counter("x")
    counter.add(1)
    late = InMemoryMetricReader()
    measured.provider.add_metric_reader(late)
    counter.add(2)
    data = late.get_metrics_data()
    assert data is not None
    (point,) = data.resource_metrics[0].scope_metrics[0].metrics[0].data.data_points
    # Of like preference, it shares the streams of the first.
    assert getattr(point, "value", None) == 3
    measured.provider.remove_metric_reader(late)
    assert late.get_metrics_data() is None
    assert measured.values("x") == {(): 3}


def test_a_reader_of_the_sdk_belongs_to_one_provider() -> None:
    reader = InMemoryMetricReader()
    MeterProvider([reader], shutdown_on_exit=False)
    with pytest.raises(ValueError, match="each needs its own reader"):
        MeterProvider([reader], shutdown_on_exit=False)


def test_a_reader_that_is_registered_twice_is_told(caplog: pytest.LogCaptureFixture) -> None:
    reader = ManualReader()
    provider = MeterProvider([reader], shutdown_on_exit=False)
    provider.add_metric_reader(reader)
    assert "registered already" in caplog.text

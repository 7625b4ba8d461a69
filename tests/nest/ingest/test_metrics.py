from __future__ import annotations

import re
from pathlib import Path

import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb

from temponest.nest.ingest.metrics import MetricsConsumer
from temponest.nest.ingest.prometheus_names import label_name, metric_name
from temponest.nest.model.series import Histogram, Series
from temponest.nest.store.series.store import SeriesStore

SECOND = 1_000_000_000
CUMULATIVE = pb.AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
DELTA = pb.AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA


@pytest.mark.parametrize(
    ("name", "unit", "counter", "gauge", "expected"),
    [
        ("http.server.request.duration", "s", False, False, "http_server_request_duration_seconds"),
        ("http.server.active_requests", "{request}", False, False, "http_server_active_requests"),
        ("custom.requests", "1", True, False, "custom_requests_total"),
        ("jobs_total", "", True, False, "jobs_total"),
        ("total.jobs", "", True, False, "jobs_total"),
        ("cpu.utilization", "1", False, True, "cpu_utilization_ratio"),
        ("process.memory.usage", "By", False, False, "process_memory_usage_bytes"),
        ("disk.io", "By/s", False, True, "disk_io_bytes_per_second"),
        ("wait.seconds", "s", False, False, "wait_seconds"),
        ("requests", "requests/s", False, True, "requests_per_second"),
        ("a..b--c", "", False, False, "a_b_c"),
        ("1st", "", False, False, "_1st"),
    ],
)
def test_a_metric_is_named_as_prometheus_names_it(
    name: str, unit: str, counter: bool, gauge: bool, expected: str
) -> None:
    assert metric_name(name, unit, counter=counter, gauge=gauge) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [("http.route", "http_route"), ("1st", "key_1st"), ("_own", "key_own"), ("é", "key_")],
)
def test_a_label_is_named_as_prometheus_names_it(name: str, expected: str) -> None:
    assert label_name(name) == expected


class Taken:
    """What a consumer made of the metrics it was given."""

    def __init__(self, folder: Path) -> None:
        self.series = SeriesStore(folder / "series", disk_bytes=10**9, retention_seconds=0)
        self.consumer = MetricsConsumer(self.series)
        self.sequence = 0

    def take(self, *metrics: pb.Metric) -> None:
        request = ExportMetricsServiceRequest()
        group = request.resource_metrics.add()
        for key, value in (
            ("service.name", "temponest-shop"),
            ("service.instance.id", "one"),
            ("service.version", "2"),
        ):
            group.resource.attributes.add(key=key).value.string_value = value
        group.scope_metrics.add().metrics.extend(metrics)
        self.sequence += 1
        self.consumer.take(self.sequence, request.SerializeToString())

    def all(self) -> list[Series]:
        return self.series.select([], 0, 10**13, lambda: False)

    def shown(self, name: str = "") -> dict[str, list[float]]:
        """Values by series, written as Prometheus does, without job and instance."""
        lines = {}
        for series in self.all():
            labels = dict(series.labels)
            metric = labels.pop("__name__")
            inner = ",".join(
                f'{key}="{value}"' for key, value in labels.items() if key not in {"job", "instance"}
            )
            if re.match(name, metric) and metric != "target_info":
                lines[f"{metric}{{{inner}}}" if inner else metric] = list(series.values)
        return lines


@pytest.fixture
def taken(tmp_path: Path) -> Taken:
    return Taken(tmp_path)


def counter(value: float, seconds: int, temporality: int = CUMULATIVE, **attributes: str) -> pb.Metric:
    metric = pb.Metric(name="jobs", description="Jobs done")
    metric.sum.is_monotonic = True
    metric.sum.aggregation_temporality = temporality  # type: ignore[assignment]  # the stub wants its own enum
    point = metric.sum.data_points.add(time_unix_nano=seconds * SECOND, as_double=value)
    for key, text in attributes.items():
        point.attributes.add(key=key).value.string_value = text
    return metric


def histogram(seconds: int, temporality: int = CUMULATIVE) -> pb.Metric:
    metric = pb.Metric(name="took", unit="s")
    metric.histogram.aggregation_temporality = temporality  # type: ignore[assignment]  # as above
    metric.histogram.data_points.add(
        time_unix_nano=seconds * SECOND,
        count=6,
        sum=7.5,
        bucket_counts=[1, 2, 3],
        explicit_bounds=[0.5, 10],
    )
    return metric


def test_a_counter_is_one_series_with_job_and_instance(taken: Taken) -> None:
    taken.take(counter(3, 1, route="/"))
    labels = {dict(series.labels)["__name__"]: dict(series.labels) for series in taken.all()}
    assert labels["jobs_total"] == {
        "__name__": "jobs_total",
        "instance": "one",
        "job": "temponest-shop",
        "route": "/",
    }
    assert labels["target_info"]["service_version"] == "2"
    assert taken.series.metadata()["jobs_total"].help == "Jobs done"


def test_deltas_are_added_up(taken: Taken) -> None:
    taken.take(counter(3, 1, DELTA))
    taken.take(counter(4, 2, DELTA))
    assert taken.shown() == {"jobs_total": [3.0, 7.0]}


def test_a_histogram_is_buckets_count_and_sum(taken: Taken) -> None:
    taken.take(histogram(1))
    assert taken.shown() == {
        'took_seconds_bucket{le="0.5"}': [1.0],
        'took_seconds_bucket{le="10"}': [3.0],
        'took_seconds_bucket{le="+Inf"}': [6.0],
        "took_seconds_count": [6.0],
        "took_seconds_sum": [7.5],
    }


def test_delta_histograms_are_added_up(taken: Taken) -> None:
    taken.take(histogram(1, DELTA))
    taken.take(histogram(2, DELTA))
    assert taken.shown("took_seconds_(count|sum)") == {
        "took_seconds_count": [6.0, 12.0],
        "took_seconds_sum": [7.5, 15.0],
    }


def test_an_exponential_histogram_becomes_a_native_one(taken: Taken) -> None:
    metric = pb.Metric(name="took", unit="s")
    point = metric.exponential_histogram.data_points.add(
        time_unix_nano=SECOND, count=4, sum=5.0, scale=9, zero_count=1
    )
    point.positive.offset = 3
    point.positive.bucket_counts.extend([1, 0, 2])
    taken.take(metric)
    (series,) = [one for one in taken.all() if dict(one.labels)["__name__"] == "took_seconds"]
    # Scale 9 is finer than Prometheus knows: two buckets become one.
    assert series.histograms == [Histogram(4, 5.0, 8, 0.0, 1, {2: 1, 3: 2}, {})]


def test_a_summary_is_quantiles_count_and_sum(taken: Taken) -> None:
    metric = pb.Metric(name="took")
    point = metric.summary.data_points.add(time_unix_nano=SECOND, count=2, sum=3.0)
    point.quantile_values.add(quantile=0.5, value=1.5)
    taken.take(metric)
    assert taken.shown() == {'took{quantile="0.5"}': [1.5], "took_count": [2.0], "took_sum": [3.0]}


def test_a_point_without_value_ends_its_series(taken: Taken) -> None:
    metric = counter(0, 1)
    metric.sum.data_points[0].flags = pb.DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
    taken.take(metric)
    assert [str(value) for value in taken.shown()["jobs_total"]] == ["nan"]


def test_an_exemplar_stays_with_the_bucket_it_falls_into(taken: Taken) -> None:
    metric = histogram(1)
    exemplar = metric.histogram.data_points[0].exemplars.add(
        time_unix_nano=SECOND, as_double=3.0, trace_id=b"\xab" * 16, span_id=b"\xcd" * 8
    )
    exemplar.filtered_attributes.add(key="user.id").value.int_value = 7
    taken.take(metric)
    (kept,) = taken.series.exemplars([], 0, 10**13, lambda: False)
    assert dict(kept.series)["le"] == "10"
    assert dict(kept.labels) == {"trace_id": "ab" * 16, "span_id": "cd" * 8, "user_id": "7"}


def test_what_is_in_a_segment_need_not_be_replayed(taken: Taken) -> None:
    taken.take(counter(1, 1))
    assert taken.consumer.covered == 0
    taken.series.seal()
    assert taken.consumer.covered == 1


@pytest.mark.parametrize("counts", [[], [6], [1, 2, 3, 0]])
def test_counts_that_do_not_fit_their_bounds_cost_no_other_metric(taken: Taken, counts: list[int]) -> None:
    metric = histogram(1)
    metric.histogram.data_points[0].bucket_counts[:] = counts
    taken.take(metric, counter(3, 1))
    shown = taken.shown()
    assert (shown['took_seconds_bucket{le="+Inf"}'], shown["jobs_total"]) == ([6.0], [3.0])


def test_a_bound_that_is_no_number_costs_no_other_metric(taken: Taken) -> None:
    metric = histogram(1)
    metric.histogram.data_points[0].explicit_bounds[:] = [0.5, float("nan")]
    taken.take(metric, counter(3, 1))
    assert taken.shown("jobs") == {"jobs_total": [3.0]}

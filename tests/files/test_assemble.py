"""What Prometheus' API tells of samples, as points of OTLP."""

from __future__ import annotations

import math
from typing import Any

import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogramDataPoint

from temponest.client.prometheus import Described, Exemplar, NativeHistogram, RawSeries
from temponest.files import native
from temponest.files.assemble import Assembler
from temponest.files.families import Families
from temponest.files.otlp_json import document
from temponest.files.resources import attributes

INF = math.inf


def numbers(name: str, value: float, time_ms: int = 1000, **labels: str) -> RawSeries:
    return RawSeries({"__name__": name, **labels}, [(time_ms, value)])


def metrics(*series: RawSeries, infos: tuple[RawSeries, ...] = (), **described: str) -> dict[str, Any]:
    """Metrics by name as OTLP/JSON, of a server that says of these metrics what they are."""
    known = {name: Described(kind, "", "") for name, kind in described.items()}
    made = Assembler(Families(known)).requests(list(series), infos, ())
    found = [document(one) for request in made for one in request.resource_metrics]
    return {one["name"]: one for group in found for one in group["scopeMetrics"][0]["metrics"]}


def test_types_are_those_that_the_server_says() -> None:
    made = metrics(
        numbers("a", 1), numbers("b_total", 2), numbers("c", 3, quantile="0.5"), b="counter", c="summary"
    )
    assert made["a"]["gauge"]["dataPoints"][0]["asDouble"] == 1
    assert made["b_total"]["sum"]["isMonotonic"]
    assert made["b_total"]["sum"]["aggregationTemporality"] == 2
    # Without a count it is no summary of OTLP.
    assert made["c"]["gauge"]["dataPoints"][0]["attributes"][0]["key"] == "quantile"


def test_without_metadata_only_names_that_leave_no_doubt_count() -> None:
    made = metrics(
        numbers("h_bucket", 2, le="1"),
        numbers("h_bucket", 3, le="+Inf"),
        numbers("h_count", 3),
        numbers("h_sum", 4.5),
        numbers("line_count", 7),
        numbers("s", 0.25, quantile="0.5"),
        numbers("s_count", 4),
        numbers("s_sum", 1.5),
        numbers("seen_total", 8),
    )
    assert made["h"]["histogram"]["dataPoints"] == [
        {
            "timeUnixNano": "1000000000",
            "count": "3",
            "sum": 4.5,
            "bucketCounts": ["2", "1"],
            "explicitBounds": [1.0],
        }
    ]
    assert "gauge" in made["line_count"]
    assert made["s"]["summary"]["dataPoints"][0]["quantileValues"] == [{"quantile": 0.5, "value": 0.25}]
    assert made["s"]["summary"]["dataPoints"][0]["count"] == "4"
    assert made["seen_total"]["sum"]["isMonotonic"]


def test_buckets_that_are_no_counts_stay_numbers() -> None:
    made = metrics(numbers("h_bucket", 0.5, le="1.0"), numbers("h_count", 3), h="histogram")
    assert made["h_bucket"]["gauge"]["dataPoints"][0]["asDouble"] == 0.5
    assert made["h_bucket"]["gauge"]["dataPoints"][0]["attributes"][0]["value"] == {"stringValue": "1.0"}
    assert made["h_count"]["gauge"]["dataPoints"][0]["asDouble"] == 3


def test_an_exemplar_waits_for_the_next_sample_of_its_series() -> None:
    assembler = Assembler(Families({"h": Described("histogram", "", "")}))
    labels = {"__name__": "h_bucket", "le": "1"}
    exemplar = Exemplar(labels, {"trace_id": "ab" * 16, "span_id": "short"}, 0.5, 1500)
    (first,) = assembler.requests([numbers("h_count", 1)], (), [exemplar])
    (second,) = assembler.requests([numbers("h_count", 2, 2000)], (), ())
    points = [
        one.resource_metrics[0].scope_metrics[0].metrics[0].histogram.data_points[0]
        for one in (first, second)
    ]
    assert [len(one.exemplars) for one in points] == [0, 1]
    assert points[1].exemplars[0].trace_id == b"\xab" * 16
    assert points[1].exemplars[0].filtered_attributes[0].key == "span_id"


def test_a_resource_is_what_target_info_said_with_the_sample() -> None:
    series = RawSeries({"__name__": "a", "job": "web/shop", "instance": "i"}, [(1000, 1.0), (2000, 2.0)])
    infos = [
        RawSeries(
            {"__name__": "target_info", "job": "web/shop", "instance": "i", "host": host}, [(time, 1.0)]
        )
        for host, time in (("one", 1000), ("two", 2000))
    ]
    (request,) = Assembler(Families({})).requests([series], infos, ())
    found = [
        {one.key: one.value.string_value for one in group.resource.attributes}
        for group in request.resource_metrics
    ]
    shared = {"service.name": "shop", "service.namespace": "web", "service.instance.id": "i"}
    assert found == [{**shared, "host": "one"}, {**shared, "host": "two"}]
    assert not request.resource_metrics[0].scope_metrics[0].metrics[0].gauge.data_points[0].attributes


@pytest.mark.parametrize("job", ["/x", "x/", "x"])
def test_a_job_without_a_namespace_is_a_name(job: str) -> None:
    assert dict(attributes((job, ""), ())) == {"service.name": job}


@pytest.mark.parametrize("scale", range(-4, 9))
def test_a_scale_is_told_by_bounds(scale: int) -> None:
    bounds = [2 ** (index * 2.0**-scale) for index in (-3, -2, 4, 5)]
    low, high, low2, high2 = (float(repr(one)) for one in bounds)
    # Where zero reaches into a bucket, its lower bound is that of zero.
    buckets = ((3, -0.001, 0.001, 2.0), (0, low, high, 1.0), (0, low2, high2, 3.0), (1, -high2, -low2, 4.0))
    histogram = NativeHistogram(10, 5.5, buckets)
    assert native.scale_of(histogram) == scale
    made = ExponentialHistogramDataPoint()
    native.fill_exponential(made, histogram, scale)
    assert (made.zero_threshold, made.zero_count) == (0.001, 2)
    assert (made.positive.offset, list(made.positive.bucket_counts)) == (-3, [1, 0, 0, 0, 0, 0, 0, 3])
    assert (made.negative.offset, list(made.negative.bucket_counts)) == (4, [4])


def test_bounds_of_their_own_make_an_explicit_histogram() -> None:
    buckets = ((0, -INF, 0.7, 1.0), (0, 2.0, 5.5, 3.0), (0, 5.5, INF, 2.0))
    series = RawSeries({"__name__": "h"}, histograms=[(1000, NativeHistogram(6, 9.0, buckets))])
    (point,) = metrics(series)["h"]["histogram"]["dataPoints"]
    assert point["explicitBounds"] == [0.7, 2.0, 5.5]
    assert point["bucketCounts"] == ["1", "0", "3", "2"]


def test_a_native_histogram_of_parts_of_counts_is_told() -> None:
    assembler = Assembler(Families({}))
    half = RawSeries({"__name__": "h"}, histograms=[(1000, NativeHistogram(0.5, 1.0))])
    assert list(assembler.requests([half], (), ())) == []
    assert assembler.broken == 1

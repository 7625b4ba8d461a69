"""Metrics on the wire are what the official encoder writes."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message
from opentelemetry.exporter.otlp.proto.common.metrics_encoder import encode_metrics
from opentelemetry.metrics import Observation
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from shared.telemetry.metrics import MeterProvider, PeriodicReader, preferences
from shared.telemetry.metrics.official import metrics_data
from shared.telemetry.metrics.points import Kind, Metric, NumberPoint, ScopeMetrics
from shared.telemetry.otlp.metrics import requests
from shared.telemetry.otlp.spans import encode_resource

RESOURCE = Resource({"service.name": "agents", "service.instance.id": "1"}, "https://example.com/schema")
IN_TRACE = set_span_in_context(NonRecordingSpan(SpanContext(0xABC, 0xDEF, False, TraceFlags(1))))


class Kept:
    """An exporter that keeps what it is given."""

    def __init__(self) -> None:
        self.metrics: list[ScopeMetrics] = []

    def export(self, metrics: list[ScopeMetrics], deadline: float) -> bool:
        del deadline
        self.metrics = metrics
        return True

    def close(self) -> None:
        pass

    def reset(self) -> None:
        pass


def recorded(**options: Any) -> list[ScopeMetrics]:
    kept = Kept()
    reader = PeriodicReader(kept, interval=float("inf"), preferences=preferences(**options))
    views = [
        View(instrument_name="exponential", aggregation=ExponentialBucketHistogramAggregation()),
        View(instrument_name="filtered", attribute_keys={"kept"}),
    ]
    provider = MeterProvider([reader], RESOURCE, views=views, shutdown_on_exit=False)
    meter = provider.get_meter("test", "1.2", "https://example.com/scope", {"scope": "attribute"})
    counter = meter.create_counter("counter", "{thing}", "Things")
    counter.add(3, {"a": "x", "n": 1, "f": 0.5, "ok": True, "list": ["x", "y"]}, IN_TRACE)
    counter.add(0.25)
    meter.create_counter("filtered").add(1, {"kept": 1, "dropped": "by the view"}, IN_TRACE)
    meter.create_up_down_counter("updown").add(-(1 << 40), {"a": "é"})
    histogram = meter.create_histogram("histogram", "s", explicit_bucket_boundaries_advisory=[0.1, 1])
    exponential = meter.create_histogram("exponential", "s")
    for value in (0, 0.05, 0.5, 5, 1e9):
        histogram.record(value, {"a": "x"}, IN_TRACE)
        exponential.record(value, {"a": "x"})
    meter.create_histogram("one").record(7)
    meter.create_gauge("gauge").set(-1.5)
    meter.create_observable_gauge("observed", [lambda _: [Observation(1, {"a": "x"})]])
    assert provider.force_flush()
    return kept.metrics


def official(metrics: list[ScopeMetrics]) -> ExportMetricsServiceRequest:
    data = metrics_data(metrics, RESOURCE)
    assert data is not None
    return encode_metrics(data)


def parsed(body: bytes) -> ExportMetricsServiceRequest:
    request = ExportMetricsServiceRequest()
    request.ParseFromString(body)
    return request


def comparable(request: ExportMetricsServiceRequest) -> Message:
    for of_resource in request.resource_metrics:
        # The schemas' addresses are no part of what this room encodes.
        of_resource.schema_url = ""
        for of_scope in of_resource.scope_metrics:
            of_scope.schema_url = ""
            for metric in of_scope.metrics:
                for point in metric.exponential_histogram.data_points:
                    for buckets in (point.positive, point.negative):
                        if not any(buckets.bucket_counts):
                            buckets.Clear()
                            buckets.SetInParent()
    return request


def test_every_kind_of_point_reads_back_as_the_official_encoder_writes_it() -> None:
    metrics = recorded()
    (body,) = requests(encode_resource(RESOURCE), metrics)
    assert comparable(parsed(body)) == comparable(official(metrics))


def test_delta_temporality_and_exponential_histograms_by_preference_read_back() -> None:
    metrics = recorded(temporality="delta", histogram="base2_exponential_bucket_histogram")
    (body,) = requests(encode_resource(RESOURCE), metrics)
    assert comparable(parsed(body)) == comparable(official(metrics))
    kinds = {metric.name: metric.kind for metric in metrics[0].metrics}
    assert kinds["one"] is Kind.EXPONENTIAL_HISTOGRAM


def test_an_exemplar_carries_the_ids_of_its_trace_and_what_the_view_left_out() -> None:
    (body,) = requests(encode_resource(RESOURCE), recorded())
    metrics = {metric.name: metric for metric in parsed(body).resource_metrics[0].scope_metrics[0].metrics}
    (exemplar,) = metrics["filtered"].sum.data_points[0].exemplars
    assert exemplar.trace_id == (0xABC).to_bytes(16, "big")
    assert exemplar.span_id == (0xDEF).to_bytes(8, "big")
    assert [attribute.key for attribute in exemplar.filtered_attributes] == ["dropped"]


def test_many_metrics_are_split_into_requests_that_a_receiver_takes() -> None:
    metrics = recorded()
    bodies = list(requests(encode_resource(RESOURCE), metrics, most=300))
    assert len(bodies) > 2
    names = [
        metric.name
        for body in bodies
        for of_scope in parsed(body).resource_metrics[0].scope_metrics
        for metric in of_scope.metrics
    ]
    assert names == [metric.name for metric in metrics[0].metrics]


def test_an_integer_beyond_64_bits_stays_at_the_end_of_the_range() -> None:
    scope = recorded()[0].scope
    metric = Metric("huge", "", "", Kind.SUM, [NumberPoint({}, 1, 2, 1 << 80)])
    (body,) = requests(b"", [ScopeMetrics(scope, [metric])])
    point = parsed(body).resource_metrics[0].scope_metrics[0].metrics[0].sum.data_points[0]
    assert point.as_int == (1 << 63) - 1

"""A request with every type of metric and everything that OTLP knows of their points."""

from __future__ import annotations

import time
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

_DELTA, _CUMULATIVE = 1, 2


def full_metrics(service: str, time_ns: int | None = None, *, grown: int = 0) -> ExportMetricsServiceRequest:
    """One point of each metric.

    Args:
        service: its `service.name`.
        time_ns: when they were taken.
        grown: what the counts are above those of the first report.
    """
    time_ns = time.time_ns() - 10**9 if time_ns is None else time_ns
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    for key, text in {
        "service.name": service,
        "service.namespace": "web",
        "service.instance.id": "i1",
    }.items():
        group.resource.attributes.add(key=key).value.string_value = text
    group.resource.attributes.add(key="host.name").value.string_value = "here"
    scoped = group.scope_metrics.add()
    scoped.scope.name = "meter"

    def metric(name: str, kind: str, unit: str, temporality: int = 0, *, monotonic: bool = False) -> Any:
        made = scoped.metrics.add(name=name, unit=unit, description=f"What {name} is.")
        data: Any = getattr(made, kind)
        if temporality:
            data.aggregation_temporality = temporality
        if monotonic:
            data.is_monotonic = True
        point = data.data_points.add(time_unix_nano=time_ns, start_time_unix_nano=time_ns - 10**9)
        point.attributes.add(key="http.route").value.string_value = '/"é'
        return point

    metric("pool.size", "gauge", "1").as_double = 0.25
    metric("queue.length", "sum", "1", _CUMULATIVE).as_int = -3
    counter = metric("requests", "sum", "{request}", _CUMULATIVE, monotonic=True)
    counter.as_int = 5 + grown
    _exemplar(counter.exemplars.add(), time_ns, 1.0)
    explicit = metric("http.server.request.duration", "histogram", "s", _CUMULATIVE)
    explicit.count, explicit.sum = 4 + grown, 12.5
    explicit.min, explicit.max = 0.25, 7.0
    explicit.explicit_bounds.extend((0.5, 5.0))
    explicit.bucket_counts.extend((1, 2, 1 + grown))
    _exemplar(explicit.exemplars.add(), time_ns - 10**6, 2.5)
    exponential = metric("payload.size", "exponential_histogram", "By", _CUMULATIVE)
    exponential.count, exponential.sum = 10 + grown, 99.5
    exponential.scale, exponential.zero_count, exponential.zero_threshold = 3, 2 + grown, 0.001
    exponential.positive.offset = -4
    exponential.positive.bucket_counts.extend((1, 0, 3))
    exponential.negative.offset = 20
    exponential.negative.bucket_counts.extend((4,))
    _exemplar(exponential.exemplars.add(), time_ns, 0.9)
    summary = metric("gc.pause", "summary", "ms")
    summary.count, summary.sum = 3 + grown, 4.5
    for quantile in (0.5, 0.99):
        summary.quantile_values.add(quantile=quantile, value=quantile * 10)
    return request


def _exemplar(exemplar: Any, time_ns: int, value: float) -> None:
    exemplar.time_unix_nano, exemplar.as_double = time_ns, value
    exemplar.trace_id, exemplar.span_id = b"t" * 16, b"s" * 8
    exemplar.filtered_attributes.add(key="user").value.string_value = "ada"

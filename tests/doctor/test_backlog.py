"""Services that lose spans say so by their own metrics, and the doctor reads them."""

from __future__ import annotations

import time

import httpx
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE

from temponest.doctor.checks import backlog
from temponest.doctor.finding import Severity
from temponest.doctor.run import Check, Result, diagnose
from temponest.doctor.subject import Subject
from tests.journeys.conftest import Nest
from tests.journeys.wait import until

NS = 1_000_000_000


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _send_counter(nest: Nest, name: str, job: str, error: str) -> None:
    """A cumulative counter of spans that rose from 1 to 41 in the last two minutes."""
    now = time.time_ns()
    for age, value in ((90, 1), (60, 21), (5, 41)):
        request = ExportMetricsServiceRequest()
        group = request.resource_metrics.add()
        group.resource.attributes.append(_text("service.name", job))
        metric = group.scope_metrics.add().metrics.add(name=name, unit="{span}")
        metric.sum.is_monotonic = True
        metric.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
        metric.sum.data_points.add(
            start_time_unix_nano=now - 120 * NS,
            time_unix_nano=now - age * NS,
            as_int=value,
            attributes=[_text("error.type", error)],
        )
        _post(nest, request)


def _post(nest: Nest, request: ExportMetricsServiceRequest) -> None:
    httpx.post(
        f"{nest.url('OTLP/HTTP')}/v1/metrics",
        content=request.SerializeToString(),
        headers={"content-type": "application/x-protobuf"},
    ).raise_for_status()


def _examine(nest: Nest) -> Result:
    subject = Subject(prometheus=nest.url("Prometheus API"))
    return diagnose(subject, [Check("backlog", backlog.check, deadline=30.0)])


@pytest.mark.parametrize(
    ("name", "said", "fix"),
    [
        ("otel.sdk.processor.span.processed", "dropped", "OTEL_BSP_MAX_QUEUE_SIZE"),
        ("otel.sdk.exporter.span.exported", "could not deliver", "receiver's log"),
    ],
)
def test_lost_spans_are_counted_by_service(nest: Nest, name: str, said: str, fix: str) -> None:
    _send_counter(nest, name, f"shop-{said[:5]}", "queue_full")
    until(lambda: any(said in finding.what for _, finding in _examine(nest).findings), said)
    (finding,) = [finding for _, finding in _examine(nest).findings if said in finding.what]
    assert f"shop-{said[:5]}" in finding.what
    assert "queue_full" in finding.why
    assert fix in finding.fix


def test_a_queue_that_is_nearly_full(nest: Nest) -> None:
    request = ExportMetricsServiceRequest()
    group = request.resource_metrics.add()
    group.resource.attributes.append(_text("service.name", "shop-full"))
    scope = group.scope_metrics.add()
    for name, value in (("size", 1900), ("capacity", 2048)):
        metric = scope.metrics.add(name=f"otel.sdk.processor.span.queue.{name}", unit="{span}")
        metric.gauge.data_points.add(time_unix_nano=time.time_ns(), as_int=value)
    _post(nest, request)
    until(lambda: any("shop-full" in finding.what for _, finding in _examine(nest).findings), "the queue")
    (finding,) = [finding for _, finding in _examine(nest).findings if "shop-full" in finding.what]
    assert "93% full" in finding.what


def test_nothing_is_said_where_no_prometheus_answers(nest: Nest) -> None:
    subject = Subject(prometheus=nest.url("OTLP/HTTP"))
    result = diagnose(subject, [Check("backlog", backlog.check)])
    assert result.severity is Severity.OK

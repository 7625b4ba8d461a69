"""Metrics to be sent to a Prometheus and to the nest: every kind, with resets, gaps and odd values."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb

from tests.nest.promql.generate import Vocabulary

SECOND = 1_000_000_000
STEP = 15 * SECOND
STEPS = 40
_BOUNDS = (0.005, 0.1, 0.5, 1.0, 5.0)

WORDS = Vocabulary(
    gauges=["temperature", "queue_length"],
    counters=["requests_total", "sent_bytes_total"],
    buckets=["took_seconds_bucket"],
    natives=["payload_bytes"],
    labels={
        "room": ["kitchen", "hall", "attic"],
        "code": ["200", "500"],
        "job": ["shop", "bank"],
        "instance": ["shop-1", "shop-2", "bank-1"],
    },
)


def requests(first_ns: int, seed: int) -> Iterator[ExportMetricsServiceRequest]:
    """One request a moment, oldest first."""
    sources = [_Source(service, instance, seed) for service, instance in _INSTANCES]
    for step in range(STEPS):
        request = ExportMetricsServiceRequest()
        for source in sources:
            source.add(request, first_ns, step)
        yield request


_INSTANCES = (("shop", "shop-1"), ("shop", "shop-2"), ("bank", "bank-1"))


class _Source:
    """One instance of a service, whose counters only grow until it restarts."""

    def __init__(self, service: str, instance: str, seed: int) -> None:
        self._attributes = {"service.name": service, "service.instance.id": instance, "region": "eu"}
        self._random = random.Random(f"{seed} {instance}")  # noqa: S311 - data of a test
        self._restarts_at = 25 if instance == "shop-2" else STEPS
        self._zero()

    def _zero(self) -> None:
        self._totals = {"200": 0, "500": 0}
        self._sent = 0.0
        self._counts = [0] * (len(_BOUNDS) + 1)
        self._took = 0.0
        self._buckets = [0] * 12
        self._zeros = 0
        self._payload = 0.0

    def add(self, request: ExportMetricsServiceRequest, first_ns: int, step: int) -> None:
        """Append what this instance reports at a moment."""
        if step == self._restarts_at:
            self._zero()
        self._grow()
        now, start = first_ns + step * STEP, first_ns - STEP
        resource = request.resource_metrics.add()
        resource.resource.attributes.extend(_pairs(self._attributes))
        metrics = resource.scope_metrics.add().metrics
        self._gauges(metrics.add(), metrics.add(), now, step)
        counters = metrics.add(name="requests", unit="1").sum
        counters.aggregation_temporality = pb.AGGREGATION_TEMPORALITY_CUMULATIVE
        counters.is_monotonic = True
        for code, total in self._totals.items():
            point = counters.data_points.add(time_unix_nano=now, start_time_unix_nano=start, as_int=total)
            point.attributes.extend(_pairs({"code": code}))
        sent = metrics.add(name="sent", unit="By").sum
        sent.aggregation_temporality = pb.AGGREGATION_TEMPORALITY_CUMULATIVE
        sent.is_monotonic = True
        sent.data_points.add(time_unix_nano=now, start_time_unix_nano=start, as_double=self._sent)
        self._histogram(metrics.add(name="took", unit="s"), now, start)
        self._native(metrics.add(name="payload", unit="By"), now, start, step)

    def _grow(self) -> None:
        for code in self._totals:
            self._totals[code] += self._random.randrange(0, 50 if code == "200" else 3)
        self._sent += self._random.random() * 1e6
        for _ in range(self._random.randrange(20)):
            value = self._random.expovariate(2)
            self._took += value
            self._counts[sum(value > bound for bound in _BOUNDS)] += 1
        for _ in range(self._random.randrange(30)):
            index = self._random.randrange(12)
            self._buckets[index] += 1
            self._payload += 2.0**index
        self._zeros += self._random.randrange(3)

    def _gauges(self, temperature: pb.Metric, queue: pb.Metric, now: int, step: int) -> None:
        temperature.name = "temperature"
        for room in ("kitchen", "hall", "attic"):
            # The attic is silent for a while, and once says that it has no value.
            if room == "attic" and 10 <= step < 30:
                continue
            value = round(20 + 5 * math.sin(step / 3) + self._random.random(), 3)
            if room == "hall" and step == 12:
                value = math.nan
            if room == "hall" and step == 18:
                value = math.inf
            point = temperature.gauge.data_points.add(time_unix_nano=now, as_double=value)
            if room == "attic" and step == 9:
                point.flags = pb.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
            point.attributes.extend(_pairs({"room": room}))
        queue.name = "queue.length"
        queue.gauge.data_points.add(time_unix_nano=now, as_int=self._random.randrange(-3, 12))

    def _histogram(self, metric: pb.Metric, now: int, start: int) -> None:
        metric.histogram.aggregation_temporality = pb.AGGREGATION_TEMPORALITY_CUMULATIVE
        metric.histogram.data_points.add(
            time_unix_nano=now,
            start_time_unix_nano=start,
            count=sum(self._counts),
            sum=self._took,
            bucket_counts=self._counts,
            explicit_bounds=_BOUNDS,
        )

    def _native(self, metric: pb.Metric, now: int, start: int, step: int) -> None:
        metric.exponential_histogram.aggregation_temporality = pb.AGGREGATION_TEMPORALITY_CUMULATIVE
        point = metric.exponential_histogram.data_points.add(
            time_unix_nano=now,
            start_time_unix_nano=start,
            count=sum(self._buckets) + self._zeros,
            sum=self._payload,
            zero_count=self._zeros,
            # Prometheus takes over no other threshold from OTLP.
            zero_threshold=1e-128,
        )
        # The scale changes while it runs, as an SDK does when values spread.
        fine = self._attributes["service.name"] == "bank" and step < 20
        point.scale = 1 if fine else 0
        counts = [count for one in self._buckets for count in (one, 0)] if fine else self._buckets
        point.positive.offset = 0
        point.positive.bucket_counts.extend(counts)


def _pairs(attributes: dict[str, str]) -> list[KeyValue]:
    return [KeyValue(key=key, value=AnyValue(string_value=value)) for key, value in attributes.items()]

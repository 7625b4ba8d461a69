"""OTLP metrics into Prometheus series: one consumer of the log's metric bodies."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1 import metrics_pb2 as pb
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from ..model.series import Exemplar, Histogram, Labels, Metadata
from ..store.series.store import SeriesStore
from .cumulative import Cumulative
from .prometheus_names import label_name, metric_name

# Whose log records these are, in the series store.
STREAM = "metrics"

_DELTA = pb.AggregationTemporality.AGGREGATION_TEMPORALITY_DELTA
_NO_VALUE = pb.DataPointFlags.DATA_POINT_FLAGS_NO_RECORDED_VALUE_MASK
# Prometheus' native histograms know schemas -4 to 8.
_FINEST, _COARSEST = 8, -4
# Attributes that become labels of their own series and not of target_info.
_IDENTITY = {"service.name", "service.namespace", "service.instance.id"}


class MetricsConsumer:
    """Takes `ExportMetricsServiceRequest` bodies on the store's writer thread.

    Args:
        series: where the samples go; its `covered` says what it keeps durably.
    """

    def __init__(self, series: SeriesStore) -> None:
        self._series = series
        self._cumulative = Cumulative()

    @property
    def covered(self) -> int:
        """Sequence of the newest body that is durable as series."""
        return self._series.covered(STREAM)

    def persist(self) -> None:
        """Write what was taken as a segment."""
        self._series.persist()

    def take(self, sequence: int, body: bytes) -> None:
        """Add every point of one request to its series."""
        request = ExportMetricsServiceRequest.FromString(body)
        for group in request.resource_metrics:
            identity = _identity(group.resource)
            newest = 0
            for scope in group.scope_metrics:
                for metric in scope.metrics:
                    newest = max(newest, self._metric(metric, identity))
            if newest:
                self._series.add(_target_info(group.resource, identity), newest, 1.0)
        self._series.took(STREAM, sequence)

    def _metric(self, metric: pb.Metric, identity: Labels) -> int:
        """Add one metric's points; the time of the newest, in ms."""
        kind = metric.WhichOneof("data")
        if kind is None:
            return 0
        data: Any = getattr(metric, kind)
        counter = kind == "sum" and data.is_monotonic
        name = metric_name(metric.name, metric.unit, counter=counter, gauge=kind == "gauge")
        self._series.describe(name, Metadata(_type(kind, counter=counter), metric.description, metric.unit))
        delta = getattr(data, "aggregation_temporality", 0) == _DELTA
        add = {
            "gauge": self._number,
            "sum": self._number,
            "histogram": self._histogram,
            "exponential_histogram": self._exponential,
            "summary": self._summary,
        }[kind]
        newest = 0
        for point in data.data_points:
            labels = _labels(point.attributes, identity)
            time_ms = point.time_unix_nano // 1_000_000
            add(name, labels, time_ms, point, delta)
            newest = max(newest, time_ms)
        return newest

    def _number(self, name: str, labels: dict[str, str], time_ms: int, point: Any, delta: bool) -> None:
        value = float(point.as_int if point.WhichOneof("value") == "as_int" else point.as_double)
        series = self._add(name, labels, time_ms, value, point, delta)
        self._exemplars(series, point.exemplars)

    def _histogram(self, name: str, labels: dict[str, str], time_ms: int, point: Any, delta: bool) -> None:
        running = 0
        counts: Sequence[int] = point.bucket_counts
        bounds: list[float] = []
        buckets: list[Labels] = []
        # A sender may report fewer counts than bounds or more; the last bucket is everything there was.
        for bound, count in (*zip(point.explicit_bounds, counts, strict=False), (math.inf, None)):
            running = point.count if count is None else running + count
            bounds.append(bound)
            with_bound = {**labels, "le": number(bound)}
            buckets.append(self._add(f"{name}_bucket", with_bound, time_ms, float(running), point, delta))
        self._add(f"{name}_count", labels, time_ms, float(point.count), point, delta)
        if point.HasField("sum"):
            self._add(f"{name}_sum", labels, time_ms, point.sum, point, delta)
        for exemplar in point.exemplars:
            value = _exemplar_value(exemplar)
            index = next(i for i, bound in enumerate(bounds) if value <= bound or i == len(bounds) - 1)
            self._exemplars(buckets[index], (exemplar,))

    def _exponential(self, name: str, labels: dict[str, str], time_ms: int, point: Any, delta: bool) -> None:
        if point.scale < _COARSEST:
            return
        shift = max(0, point.scale - _FINEST)
        histogram = Histogram(
            count=float(point.count),
            sum=point.sum,
            schema=point.scale - shift,
            zero_threshold=point.zero_threshold,
            zero_count=float(point.zero_count),
            positive=_buckets(point.positive, shift),
            negative=_buckets(point.negative, shift),
        )
        series = _sorted(name, labels)
        if delta:
            histogram = self._cumulative.histogram(series, histogram)
        self._series.add_histogram(series, time_ms, histogram)
        self._exemplars(series, point.exemplars)

    def _summary(self, name: str, labels: dict[str, str], time_ms: int, point: Any, delta: bool) -> None:
        for item in point.quantile_values:
            with_quantile = {**labels, "quantile": number(item.quantile)}
            self._add(name, with_quantile, time_ms, item.value, point, delta)
        self._add(f"{name}_count", labels, time_ms, float(point.count), point, delta)
        self._add(f"{name}_sum", labels, time_ms, point.sum, point, delta)

    def _add(
        self, name: str, labels: dict[str, str], time_ms: int, value: float, point: Any, delta: bool
    ) -> Labels:
        series = _sorted(name, labels)
        if point.flags & _NO_VALUE:
            self._series.end(series, time_ms)
        else:
            self._series.add(series, time_ms, self._cumulative.number(series, value) if delta else value)
        return series

    def _exemplars(self, series: Labels, exemplars: Iterable[pb.Exemplar]) -> None:
        for exemplar in exemplars:
            labels = {"trace_id": exemplar.trace_id.hex(), "span_id": exemplar.span_id.hex()}
            labels |= {label_name(item.key): text(item.value) for item in exemplar.filtered_attributes}
            self._series.add_exemplar(
                Exemplar(
                    series,
                    tuple(sorted((key, value) for key, value in labels.items() if value)),
                    _exemplar_value(exemplar),
                    exemplar.time_unix_nano // 1_000_000,
                )
            )


def number(value: float) -> str:
    """A bound or quantile as Prometheus writes it in a label: `0.5`, `10`, `+Inf`, `NaN`."""
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)


def text(value: AnyValue) -> str:
    """An attribute value as a label value (specification, "Attribute to non-OTLP string")."""
    kind = value.WhichOneof("value")
    if kind == "string_value":
        return value.string_value
    if kind == "bool_value":
        return "true" if value.bool_value else "false"
    if kind == "double_value":
        return repr(value.double_value)
    if kind == "int_value":
        return str(value.int_value)
    return "" if kind is None else json.dumps(_plain(value), separators=(",", ":"))


def _plain(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_plain(item) for item in value.array_value.values]
    if kind == "kvlist_value":
        return {item.key: _plain(item.value) for item in value.kvlist_value.values}
    if kind == "bytes_value":
        return value.bytes_value.hex()
    return None if kind is None else getattr(value, kind)


def _sorted(name: str, labels: dict[str, str]) -> Labels:
    return tuple(sorted({**labels, "__name__": name}.items()))


def _labels(attributes: Iterable[KeyValue], identity: Labels) -> dict[str, str]:
    labels: dict[str, str] = {}
    for item in attributes:
        key, value = label_name(item.key), text(item.value)
        if value:
            # Two attributes may have the same spelling; both values are kept, as Prometheus does.
            labels[key] = f"{labels[key]};{value}" if key in labels else value
    return labels | dict(identity)


def _identity(resource: Resource) -> Labels:
    values = {item.key: text(item.value) for item in resource.attributes}
    name, namespace = values.get("service.name", ""), values.get("service.namespace", "")
    job = f"{namespace}/{name}" if namespace and name else name
    pairs = (("instance", values.get("service.instance.id", "")), ("job", job))
    return tuple(pair for pair in pairs if pair[1])


def _target_info(resource: Resource, identity: Labels) -> Labels:
    rest = [item for item in resource.attributes if item.key not in _IDENTITY]
    return _sorted("target_info", _labels(rest, identity))


def _type(kind: str, *, counter: bool) -> str:
    if kind == "sum":
        return "counter" if counter else "gauge"
    return {"exponential_histogram": "histogram"}.get(kind, kind)


def _exemplar_value(exemplar: pb.Exemplar) -> float:
    is_int = exemplar.WhichOneof("value") == "as_int"
    return float(exemplar.as_int if is_int else exemplar.as_double)


def _buckets(buckets: Any, shift: int) -> dict[int, float]:
    """Index → count, by Prometheus' upper-inclusive indexing (one above OTLP's), merged 2^shift to one."""
    merged: dict[int, float] = {}
    for position, count in enumerate(buckets.bucket_counts):
        if count:
            index = ((buckets.offset + position) >> shift) + 1
            merged[index] = merged.get(index, 0.0) + count
    return merged

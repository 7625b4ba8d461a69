"""Readers and exporters of the official SDK on our provider, and exemplar reservoirs made for its views.

Imported only when the application brings one; that package is then loaded already.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from opentelemetry.context import get_current
from opentelemetry.sdk.metrics import Exemplar as SdkExemplar
from opentelemetry.sdk.metrics import export as sdk
from opentelemetry.sdk.resources import Resource
from opentelemetry.trace import Span, get_current_span, set_span_in_context

from .exemplars import ExemplarFilter, Reservoir, Where
from .points import (
    Attributes,
    Exemplar,
    ExponentialPoint,
    HistogramPoint,
    Kind,
    Metric,
    NumberPoint,
    Point,
    ScopeMetrics,
    Temporality,
)
from .provider import Collect, MeterProvider
from .stream import CARDINALITY_LIMIT, Aggregation, InstrumentKind
from .views import Preferences, aggregation_of, default_aggregation, kind_of

_KEPT = "_temponest_reader"


class AdaptedReader:
    """A `MetricReader` of the official SDK as the provider sees readers."""

    def __init__(self, reader: sdk.MetricReader, provider: MeterProvider) -> None:
        self._reader = reader
        self._provider = provider
        self.preferences = _preferences(reader)

    def attach(self, collect: Collect) -> None:
        """Give the reader what its own provider would have given it."""
        if hasattr(self._reader, "_set_meter_provider"):
            self._reader._set_meter_provider(self._provider)

        def collected(_: sdk.MetricReader, timeout_millis: float = 10_000) -> sdk.MetricsData | None:
            return metrics_data(collect(timeout_millis / 1000), self._provider.resource)

        self._reader._set_collect_callback(collected)  # type: ignore[arg-type] # its annotation forgets the timeout

    def flush(self, deadline: float) -> bool:
        """Collect and export now."""
        return self._reader.force_flush(timeout_millis=_millis(deadline))

    def close(self, deadline: float) -> None:
        """Shut the reader down; a periodic one exports once more."""
        self._reader.shutdown(timeout_millis=_millis(deadline))

    def restart(self) -> None:
        """The SDK's readers restart their threads by themselves."""


def _millis(deadline: float) -> float:
    return max(0.0, deadline - time.monotonic()) * 1000


def adapted(reader: sdk.MetricReader, provider: MeterProvider) -> AdaptedReader:
    """The adapter of a reader; always the same one."""
    known = getattr(reader, _KEPT, None)
    if known is None:
        known = AdaptedReader(reader, provider)
        setattr(reader, _KEPT, known)
    if known._provider is not provider:
        raise ValueError(f"{reader!r} belongs to another MeterProvider; each needs its own reader")
    return known


def _preferences(reader: sdk.MetricReader) -> Preferences:
    """What differs from the defaults, so that two readers that want the same are seen to."""

    def by_kind(found: Mapping[Any, Any]) -> dict[InstrumentKind, Any]:
        return {kind: value for cls, value in found.items() if (kind := kind_of(cls)) is not None}

    aggregations = {
        kind: aggregation_of(value, default_aggregation(kind))
        for kind, value in by_kind(reader._instrument_class_aggregation).items()
    }
    return Preferences(
        {
            kind: Temporality.DELTA
            for kind, value in by_kind(reader._instrument_class_temporality).items()
            if int(value) == Temporality.DELTA.value
        },
        {kind: made for kind, made in aggregations.items() if made != default_aggregation(kind)},
        {
            kind: limit
            for kind, limit in by_kind(getattr(reader, "_instrument_class_cardinality_limit", {})).items()
            if limit != CARDINALITY_LIMIT
        },
    )


def metrics_data(metrics: Sequence[ScopeMetrics], resource: Resource) -> sdk.MetricsData | None:
    """What a collection yielded in the official SDK's classes; None when it is empty."""
    if not metrics:
        return None
    scopes = [
        sdk.ScopeMetrics(
            scope=of_scope.scope,
            metrics=[_metric(metric) for metric in of_scope.metrics],
            schema_url=of_scope.scope.schema_url or "",
        )
        for of_scope in metrics
    ]
    return sdk.MetricsData(
        resource_metrics=[
            sdk.ResourceMetrics(resource=resource, scope_metrics=scopes, schema_url=resource.schema_url)
        ]
    )


def _metric(metric: Metric) -> sdk.Metric:
    points: list[Any] = [_point(point) for point in metric.points]
    temporality = sdk.AggregationTemporality(metric.temporality.value)
    data: Any
    if metric.kind is Kind.SUM:
        data = sdk.Sum(points, temporality, metric.monotonic)
    elif metric.kind is Kind.GAUGE:
        data = sdk.Gauge(points)
    elif metric.kind is Kind.HISTOGRAM:
        data = sdk.Histogram(points, temporality)
    else:
        data = sdk.ExponentialHistogram(points, temporality)
    return sdk.Metric(metric.name, metric.description, metric.unit, data)


def _point(point: Point) -> Any:
    common: dict[str, Any] = {
        "attributes": point.attributes,
        "start_time_unix_nano": point.start_time_unix_nano,
        "time_unix_nano": point.time_unix_nano,
        "exemplars": [_exemplar(exemplar) for exemplar in point.exemplars],
    }
    if isinstance(point, NumberPoint):
        return sdk.NumberDataPoint(value=point.value, **common)
    common |= {
        "count": point.count,
        "sum": point.sum,
        "min": math.inf if point.min is None else point.min,
        "max": -math.inf if point.max is None else point.max,
    }
    if isinstance(point, HistogramPoint):
        return sdk.HistogramDataPoint(
            bucket_counts=tuple(point.bucket_counts), explicit_bounds=point.explicit_bounds, **common
        )
    return sdk.ExponentialHistogramDataPoint(
        scale=point.scale,
        zero_count=point.zero_count,
        positive=sdk_buckets(point, "positive"),
        negative=sdk_buckets(point, "negative"),
        flags=0,
        **common,
    )


def sdk_buckets(point: ExponentialPoint, sign: str) -> Any:
    """One sign's buckets; that SDK writes an empty one as a single zero."""
    buckets = getattr(point, sign)
    from opentelemetry.sdk.metrics._internal.point import Buckets  # not public where it is made

    return Buckets(offset=buckets.offset, bucket_counts=list(buckets.counts) or [0])


def _exemplar(exemplar: Exemplar) -> SdkExemplar:
    return SdkExemplar(
        filtered_attributes=exemplar.filtered_attributes,
        value=exemplar.value,
        time_unix_nano=exemplar.time_unix_nano,
        span_id=exemplar.span_id or None,
        trace_id=exemplar.trace_id or None,
    )


class AdaptedReservoir(Reservoir):
    """An exemplar reservoir that a view brought, offered every measurement the filter lets through."""

    __slots__ = ("_official", "_own")

    def __init__(self, official: Any, slots: int, eligible: ExemplarFilter) -> None:
        super().__init__(slots, eligible)
        self._official = official
        self._own: Attributes = {}

    def offer(
        self,
        slot: int,
        seen: int,
        value: float,
        attributes: Attributes | None,
        own: Attributes,
        where: Where,
    ) -> int:
        """Pass the measurement on; the next one is due too."""
        del slot
        self._own = own
        context = set_span_in_context(where) if isinstance(where, Span) else where or get_current()
        if self._always or get_current_span(context).get_span_context().trace_flags.sampled:
            self._official.offer(value, time.time_ns(), attributes, context)
        return seen

    def take(self) -> list[Exemplar]:
        """What the reservoir kept."""
        return [
            Exemplar(
                kept.value,
                kept.time_unix_nano,
                kept.trace_id or 0,
                kept.span_id or 0,
                kept.filtered_attributes or {},
            )
            for kept in self._official.collect(self._own)
        ]


def reservoir_from(factory: Callable[[type], Callable[..., Any]], aggregation: Aggregation) -> Aggregation:
    """The aggregation with a view's exemplar reservoirs instead of the default ones."""
    from opentelemetry.sdk.metrics._internal import aggregation as internal  # the argument's type

    kind: type = {
        Kind.SUM: internal._SumAggregation,
        Kind.GAUGE: internal._LastValueAggregation,
        Kind.HISTOGRAM: internal._ExplicitBucketHistogramAggregation,
        Kind.EXPONENTIAL_HISTOGRAM: internal._ExponentialBucketHistogramAggregation,
    }[aggregation.kind]
    build = factory(kind)

    def reservoir(slots: int, eligible: ExemplarFilter, bounds: Sequence[float]) -> Reservoir:
        if aggregation.kind is Kind.HISTOGRAM:
            official = build(boundaries=bounds)
        elif aggregation.kind is Kind.EXPONENTIAL_HISTOGRAM:
            official = build(size=min(20, aggregation.max_size))
        else:
            official = build()
        return AdaptedReservoir(official, slots, eligible)

    return Aggregation(
        aggregation.kind,
        aggregation.bounds,
        aggregation.min_max,
        aggregation.max_size,
        aggregation.max_scale,
        reservoir,
    )

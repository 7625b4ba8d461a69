"""What a collection yields: the metrics data model, free of any wire format or exporter."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.util.types import AttributeValue

Attributes = Mapping[str, AttributeValue]


class Temporality(Enum):
    """Whether a point covers the time since the series began or since the last collection.

    The values are those of OTLP's AggregationTemporality.
    """

    DELTA = 1
    CUMULATIVE = 2


class Kind(Enum):
    """The four shapes of data a metric may have (metrics data model, "Metric points")."""

    SUM = "sum"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"
    EXPONENTIAL_HISTOGRAM = "exponential_histogram"


@dataclass(slots=True)
class Exemplar:
    """One measurement kept beside the point it went into, with the trace it was made in."""

    value: float
    time_unix_nano: int
    trace_id: int
    span_id: int
    filtered_attributes: Attributes


@dataclass(slots=True)
class NumberPoint:
    """A sum's or a gauge's value; a gauge has no start."""

    attributes: Attributes
    start_time_unix_nano: int | None
    time_unix_nano: int
    value: float
    exemplars: Sequence[Exemplar] = ()


@dataclass(slots=True)
class HistogramPoint:
    """Counts by explicit bucket; `min` and `max` are None when empty or switched off."""

    attributes: Attributes
    start_time_unix_nano: int
    time_unix_nano: int
    count: int
    sum: float
    min: float | None
    max: float | None
    explicit_bounds: Sequence[float]
    bucket_counts: Sequence[int]
    exemplars: Sequence[Exemplar] = ()


@dataclass(slots=True)
class Buckets:
    """One sign of an exponential histogram: dense counts beginning at index `offset`."""

    offset: int = 0
    counts: Sequence[int] = ()


@dataclass(slots=True)
class ExponentialPoint:
    """Counts by base-2 exponential bucket of one scale (data model, "ExponentialHistogram")."""

    attributes: Attributes
    start_time_unix_nano: int
    time_unix_nano: int
    count: int
    sum: float
    min: float | None
    max: float | None
    scale: int
    zero_count: int
    positive: Buckets = field(default_factory=Buckets)
    negative: Buckets = field(default_factory=Buckets)
    exemplars: Sequence[Exemplar] = ()


Point = NumberPoint | HistogramPoint | ExponentialPoint


@dataclass(slots=True)
class Metric:
    """The points of one stream at one collection."""

    name: str
    description: str
    unit: str
    kind: Kind
    points: Sequence[Point]
    temporality: Temporality = Temporality.CUMULATIVE
    monotonic: bool = False


@dataclass(slots=True)
class ScopeMetrics:
    """The metrics of one instrumentation scope."""

    scope: InstrumentationScope
    metrics: list[Metric]

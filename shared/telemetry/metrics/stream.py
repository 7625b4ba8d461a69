"""One metric stream: an instrument as one reader sees it through one view, and its series."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from threading import RLock
from time import time_ns

from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from .exemplars import ExemplarFilter, Reservoir
from .exponential import ExponentialSeries
from .points import Attributes, Kind, Metric, Point, Temporality
from .series import HistogramSeries, LastValueSeries, ObservedSumSeries, Series, SumSeries

DEFAULT_BOUNDS: tuple[float, ...] = (0, 5, 10, 25, 50, 75, 100, 250, 500, 750, 1000, 2500, 5000, 7500, 10000)
CARDINALITY_LIMIT = 2000
OVERFLOW: Mapping[str, bool] = {"otel.metric.overflow": True}

SeriesKey = tuple[tuple[str, object], ...]


@dataclass(frozen=True, slots=True)
class Aggregation:
    """How measurements become points: the kind and, for histograms, its parameters.

    `bounds` None means the instrument's advice or else the specification's default; `reservoir` replaces the
    default exemplar reservoir.
    """

    kind: Kind
    bounds: Sequence[float] | None = None
    min_max: bool = True
    max_size: int = 160
    max_scale: int = 20
    reservoir: Callable[[int, ExemplarFilter, Sequence[float]], Reservoir] | None = None


class InstrumentKind(Enum):
    """The seven kinds of instruments; the value is the name of the API's class."""

    COUNTER = "Counter"
    UP_DOWN_COUNTER = "UpDownCounter"
    HISTOGRAM = "Histogram"
    GAUGE = "Gauge"
    OBSERVABLE_COUNTER = "ObservableCounter"
    OBSERVABLE_UP_DOWN_COUNTER = "ObservableUpDownCounter"
    OBSERVABLE_GAUGE = "ObservableGauge"


@dataclass(frozen=True, slots=True)
class Identity:
    """What an instrument is to its streams."""

    name: str
    description: str
    unit: str
    scope: InstrumentationScope
    kind: InstrumentKind
    advised_bounds: Sequence[float] | None = None

    @property
    def monotonic(self) -> bool:
        """Whether it only ever counts up."""
        return self.kind in (InstrumentKind.COUNTER, InstrumentKind.OBSERVABLE_COUNTER)

    @property
    def asynchronous(self) -> bool:
        """Whether callbacks report its values."""
        return self.kind.value.startswith("Observable")


def _tagged(value: object) -> object:
    if isinstance(value, tuple):
        return ("tuple", tuple(_tagged(item) for item in value))
    if isinstance(value, Mapping):
        return ("mapping", tuple((key, _tagged(value[key])) for key in sorted(value, key=str)))
    return (type(value).__name__, value)


def series_key(attributes: Attributes) -> SeriesKey:
    """The identity of an attribute set: order does not matter, the type of a value does."""
    return tuple((key, _tagged(attributes[key])) for key in sorted(attributes))


class Stream:
    """The series of one stream by attribute set, never more than `limit` and one for the overflow.

    Args:
        instrument: the instrument that feeds it.
        aggregation: how its measurements become points.
        temporality: what the reader asked for.
        exemplar_filter: which measurements may become exemplars.
        name: another name, if a view gives one.
        description: another description, if a view gives one.
        attribute_keys: the attributes a view keeps; None keeps all.
        limit: attribute sets before the rest goes to the `otel.metric.overflow` series (metrics SDK,
            "Cardinality limits").
    """

    def __init__(
        self,
        instrument: Identity,
        aggregation: Aggregation,
        temporality: Temporality,
        exemplar_filter: ExemplarFilter,
        *,
        name: str | None = None,
        description: str | None = None,
        attribute_keys: Collection[str] | None = None,
        limit: int = CARDINALITY_LIMIT,
    ) -> None:
        self.name = name or instrument.name
        self.description = description or instrument.description
        self.unit = instrument.unit
        self.scope = instrument.scope
        self.monotonic = instrument.monotonic
        self.asynchronous = instrument.asynchronous
        self.temporality = temporality
        self.aggregation = aggregation
        self.exemplar_filter = exemplar_filter
        self.limit = limit
        self._keys = None if attribute_keys is None else frozenset(attribute_keys)
        self._bounds = aggregation.bounds
        if self._bounds is None:
            self._bounds = DEFAULT_BOUNDS if instrument.advised_bounds is None else instrument.advised_bounds
        self._bounds = tuple(self._bounds)
        self._lock = RLock()
        self._series: dict[SeriesKey, Series] = {}
        self._overflow: Series | None = None
        # A series of a delta stream covers the time since the collection before, not since its first record.
        self._collected: int | None = None

    @property
    def releases_series(self) -> bool:
        """Whether a collection retires every series."""
        return self.temporality is Temporality.DELTA and not self.asynchronous

    def select(self, attributes: Attributes) -> Attributes:
        """The attributes that this stream's view keeps."""
        keys = self._keys
        return attributes if keys is None else {key: attributes[key] for key in attributes if key in keys}

    def series(self, attributes: Attributes) -> Series:
        """The series of selected attributes; the overflow series when the limit is reached."""
        return self.keyed(series_key(attributes), attributes)

    def keyed(self, key: SeriesKey, attributes: Attributes) -> Series:
        """The same, where the key of the attributes is known."""
        with self._lock:
            series = self._series.get(key)
            if series is not None:
                return series
            if len(self._series) >= self.limit:
                if self._overflow is None:
                    self._overflow = self._new(OVERFLOW)
                    self._overflow.key = key
                return self._overflow
            series = self._series[key] = self._new(attributes)
            series.key = key
            return series

    def is_overflow(self, series: Series) -> bool:
        """Whether `series` stands for attribute sets beyond the limit."""
        return series.attributes is OVERFLOW

    def _new(self, attributes: Attributes) -> Series:
        start = self._collected or time_ns()
        aggregation = self.aggregation
        series: Series
        if aggregation.kind is Kind.SUM:
            series = (ObservedSumSeries if self.asynchronous else SumSeries)(self, attributes, start)
        elif aggregation.kind is Kind.GAUGE:
            series = LastValueSeries(self, attributes, start)
        elif aggregation.kind is Kind.HISTOGRAM:
            assert self._bounds is not None  # noqa: S101 - set by __init__
            series = HistogramSeries(self, attributes, start, self._bounds, aggregation.min_max)
        else:
            series = ExponentialSeries(
                self,
                attributes,
                start,
                max_size=aggregation.max_size,
                max_scale=aggregation.max_scale,
                min_max=aggregation.min_max,
            )
        if aggregation.reservoir is not None:
            slots = len(series.reservoir.kept)
            series.use(aggregation.reservoir(slots, self.exemplar_filter, self._bounds or ()))
        return series

    def collect(self, now: int) -> Metric | None:
        """The metric at `now` (Unix nanoseconds), or None while nothing was recorded."""
        points: list[Point] = []
        with self._lock:
            live = list(self._series.values())
            if self._overflow is not None:
                live.append(self._overflow)
            release = self.releases_series
            if release:
                self._series = {}
                self._overflow = None
                self._collected = now
        for series in live:
            with series.lock:
                series.retired = release
                point = series.collect(now)
            if point is not None:
                points.append(point)
        if not points:
            return None
        return Metric(
            self.name,
            self.description,
            self.unit,
            self.aggregation.kind,
            points,
            self.temporality,
            self.monotonic,
        )

    def reset(self, now: int) -> None:
        """Begin anew in a forked child, where a lock may have been left held by a thread that is gone."""
        self._lock = RLock()
        self._collected = None
        for series in self._series.values():
            series.reset(now)
        if self._overflow is not None:
            self._overflow.reset(now)

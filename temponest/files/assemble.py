"""Samples of a time into requests of OTLP: buckets, counts and sums together again as points of a metric."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.metrics.v1.metrics_pb2 import AggregationTemporality, Metric, ScopeMetrics
from opentelemetry.proto.metrics.v1.metrics_pb2 import Exemplar as ExemplarMessage

from temponest.client.prometheus import Exemplar, NativeHistogram, RawSeries

from . import native
from .families import NAME, Families, Family, Part, Seen
from .resources import IDENTITY, TARGET_INFO, Identity, Pairs, Resources, attributes, identity

# Points of one request: a few megabytes, of which some senders and receivers take no more.
_MOST_POINTS = 5_000
_CUMULATIVE = AggregationTemporality.AGGREGATION_TEMPORALITY_CUMULATIVE
_MS = 1_000_000
_IDS = {"trace_id": 32, "span_id": 16}

_Owner: TypeAlias = tuple[Identity, int, Pairs]
_Key: TypeAlias = tuple[Identity, Family, Pairs]


@dataclass(slots=True)
class _Point:
    """What the series of a family say at one time."""

    value: float | None = None
    native: NativeHistogram | None = None
    scale: int | None = None
    count: float | None = None
    sum: float | None = None
    buckets: dict[float, tuple[str, float]] = field(default_factory=dict)
    quantiles: dict[float, float] = field(default_factory=dict)


class Assembler:
    """Makes requests; exemplars wait in it for the next sample of their series.

    Args:
        families: what metrics there are.
    """

    def __init__(self, families: Families) -> None:
        self._families = families
        self._resources = Resources()
        self._waiting: dict[_Key, list[Exemplar]] = {}
        self.points = 0
        self.broken = 0

    @property
    def waiting(self) -> int:
        """Exemplars for which no sample came."""
        return sum(map(len, self._waiting.values()))

    def requests(
        self, series: list[RawSeries], infos: Iterable[RawSeries], exemplars: Iterable[Exemplar]
    ) -> Iterator[ExportMetricsServiceRequest]:
        """Requests with the samples of some time.

        Args:
            series: they; later than those before.
            infos: `target_info` in this time.
            exemplars: those of this time.
        """
        self._resources.add(infos)
        seen = Seen.of(one.labels for one in series)
        for one in exemplars:
            part = self._families.of(one.series, seen)
            self._waiting.setdefault(_key(one.series, part), []).append(one)
        points: dict[_Owner, dict[_Key, dict[int, _Point]]] = {}
        for item in series:
            if item.labels.get(NAME) == TARGET_INFO:
                continue
            if item.numbers:
                self._numbers(item, self._families.of(item.labels, seen), points)
            if item.histograms:
                self._native(item, self._families.of(item.labels, seen, native=True), points)
        yield from self._written(points)

    def _numbers(
        self, series: RawSeries, part: Part, points: dict[_Owner, dict[_Key, dict[int, _Point]]]
    ) -> None:
        for time, value in series.numbers:
            _put(self._point(series, part, time, points), part, series.labels, value)

    def _native(
        self, series: RawSeries, part: Part, points: dict[_Owner, dict[_Key, dict[int, _Point]]]
    ) -> None:
        scale = None
        for time, histogram in series.histograms:
            if not native.is_whole(histogram):
                self.broken += 1
                continue
            own = native.scale_of(histogram)
            scale = scale if own is None else own
            point = self._point(series, part, time, points)
            point.native, point.scale = histogram, scale
            if scale is None and not native.has_buckets(histogram):
                point.scale = native.FINEST

    def _point(
        self,
        series: RawSeries,
        part: Part,
        time: int,
        points: dict[_Owner, dict[_Key, dict[int, _Point]]],
    ) -> _Point:
        key = _key(series.labels, part)
        owner = (key[0], *self._resources.of(key[0], time))
        return points.setdefault(owner, {}).setdefault(key, {}).setdefault(time, _Point())

    def _written(
        self, points: dict[_Owner, dict[_Key, dict[int, _Point]]]
    ) -> Iterator[ExportMetricsServiceRequest]:
        request, before = ExportMetricsServiceRequest(), self.points
        # By the times of their resources, as they were sent.
        for (owner, _, rest), families in sorted(points.items(), key=lambda item: (item[0][1], item[0])):
            scoped: ScopeMetrics | None = None
            writer: _Writer | None = None
            for key, timed in families.items():
                for time, point in sorted(timed.items()):
                    if writer is None or scoped is None:
                        group = request.resource_metrics.add()
                        for name, text in attributes(owner, rest):
                            group.resource.attributes.add(key=name).value.string_value = text
                        scoped = group.scope_metrics.add()
                        writer = _Writer(scoped)
                    exemplars = self._exemplars(key, time)
                    self.points += writer.write(key, time, point, exemplars)
                    if self.points - before >= _MOST_POINTS:
                        yield request
                        request, before, writer = ExportMetricsServiceRequest(), self.points, None
        if request.resource_metrics:
            yield request

    def _exemplars(self, key: _Key, time: int) -> list[Exemplar]:
        waiting = self._waiting.get(key)
        if not waiting:
            return []
        taken = [one for one in waiting if one.time_ms <= time]
        rest = [one for one in waiting if one.time_ms > time]
        if rest:
            self._waiting[key] = rest
        else:
            del self._waiting[key]
        return taken


class _Writer:
    """Adds points to the metrics of one scope."""

    def __init__(self, scoped: ScopeMetrics) -> None:
        self._scoped = scoped
        self._metrics: dict[tuple[str, str], Metric] = {}

    def write(self, key: _Key, time: int, point: _Point, exemplars: list[Exemplar]) -> int:
        """Add what a family says at one time; how many points that is."""
        _, family, labels = key
        made: list[Any] = []
        if point.native is not None:
            made.append(self._native(family, point, point.native))
        if point.value is not None:
            made.append(self._number(family, family.name, point.value))
        if point.buckets or point.quantiles or point.count is not None or point.sum is not None:
            made += self._composed(family, point)
        for one in made:
            one.time_unix_nano = time * _MS
            for name, text in labels:
                one.attributes.add(key=name).value.string_value = text
        if made and hasattr(made[0], "exemplars"):
            for exemplar in exemplars:
                _fill(made[0].exemplars.add(), exemplar)
        return len(made)

    def _number(self, family: Family, name: str, value: float) -> Any:
        if family.kind in ("counter", "sum"):
            metric = self._metric(family, name, "sum")
            metric.sum.aggregation_temporality = _CUMULATIVE
            metric.sum.is_monotonic = family.kind == "counter"
            point = metric.sum.data_points.add()
        else:
            point = self._metric(family, name, "gauge").gauge.data_points.add()
        point.as_double = value
        return point

    def _native(self, family: Family, point: _Point, histogram: NativeHistogram) -> Any:
        if point.scale is None:
            metric = self._metric(family, family.name, "histogram")
            metric.histogram.aggregation_temporality = _CUMULATIVE
            explicit = metric.histogram.data_points.add()
            native.fill_explicit(explicit, histogram)
            return explicit
        metric = self._metric(family, family.name, "exponential_histogram")
        metric.exponential_histogram.aggregation_temporality = _CUMULATIVE
        made = metric.exponential_histogram.data_points.add()
        native.fill_exponential(made, histogram, point.scale)
        return made

    def _composed(self, family: Family, point: _Point) -> list[Any]:
        """A histogram or a summary; where its numbers make none, each as the gauge that it is."""
        total = point.count
        if total is None and math.inf in point.buckets:
            total = point.buckets[math.inf][1]
        counts = _counts(point, total)
        if counts is None or total is None:
            return self._apart(family, point)
        if family.kind == "summary":
            summary = self._metric(family, family.name, "summary").summary.data_points.add()
            summary.count, summary.sum = int(total), point.sum or 0.0
            for quantile, value in sorted(point.quantiles.items()):
                summary.quantile_values.add(quantile=quantile, value=value)
            return [summary]
        metric = self._metric(family, family.name, "histogram")
        metric.histogram.aggregation_temporality = _CUMULATIVE
        made = metric.histogram.data_points.add(count=int(total))
        if point.sum is not None:
            made.sum = point.sum
        if point.buckets:
            made.explicit_bounds.extend(bound for bound in sorted(point.buckets) if bound < math.inf)
            made.bucket_counts.extend(counts)
        return [made]

    def _apart(self, family: Family, point: _Point) -> list[Any]:
        made = []
        gauge = Family(family.name, "gauge", family.help)
        for part, number in (("_count", point.count), ("_sum", point.sum)):
            if number is not None:
                made.append(self._number(gauge, family.name + part, number))
        for text, number in point.buckets.values():
            made.append(self._number(gauge, f"{family.name}_bucket", number))
            made[-1].attributes.add(key="le").value.string_value = text
        for quantile, number in sorted(point.quantiles.items()):
            made.append(self._number(gauge, family.name, number))
            made[-1].attributes.add(key="quantile").value.string_value = f"{quantile:g}"
        return made

    def _metric(self, family: Family, name: str, kind: str) -> Metric:
        found = self._metrics.get((name, kind))
        if found is None:
            found = self._scoped.metrics.add(name=name, description=family.help, unit=family.unit)
            self._metrics[name, kind] = found
        return found


def _key(labels: dict[str, str], part: Part) -> _Key:
    left_out = {NAME, *IDENTITY}
    left_out |= {"le"} if part.part == "_bucket" else {"quantile"} if part.part == "quantile" else set()
    rest = tuple(sorted((name, text) for name, text in labels.items() if name not in left_out))
    return identity(labels), part.family, rest


def _put(point: _Point, part: Part, labels: dict[str, str], value: float) -> None:
    put: dict[str, Callable[[], None]] = {
        "value": lambda: setattr(point, "value", value),
        "_count": lambda: setattr(point, "count", value),
        "_sum": lambda: setattr(point, "sum", value),
    }
    if part.part == "_bucket":
        point.buckets[_number(labels["le"])] = (labels["le"], value)
    elif part.part == "quantile":
        point.quantiles[_number(labels["quantile"])] = value
    else:
        put[part.part]()


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan


def _counts(point: _Point, total: float | None) -> list[int] | None:
    """Counts of buckets, each without those below; None where they are none."""
    if total is None or total < 0 or total % 1 != 0 or any(map(math.isnan, point.buckets)):
        return None
    below, counts = 0.0, []
    for bound in sorted(point.buckets):
        number = total if bound == math.inf else point.buckets[bound][1]
        counts.append(number - below)
        below = number
    if point.buckets and math.inf not in point.buckets:
        counts.append(total - below)
    return [int(one) for one in counts] if all(one >= 0 and one % 1 == 0 for one in counts) else None


def _fill(message: ExemplarMessage, exemplar: Exemplar) -> None:
    message.time_unix_nano, message.as_double = exemplar.time_ms * _MS, exemplar.value
    for name, text in sorted(exemplar.labels.items()):
        try:
            encoded = bytes.fromhex(text) if len(text) == _IDS.get(name) else None
        except ValueError:
            encoded = None
        if encoded is None:
            message.filtered_attributes.add(key=name).value.string_value = text
        else:
            setattr(message, name, encoded)

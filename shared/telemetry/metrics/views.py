"""From an instrument to its streams: what a reader prefers and what views of the official SDK change.

That SDK gives no public access to what a `View` or an aggregation holds, so their private fields are read
here, and nowhere else.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from itertools import pairwise
from typing import Any

from opentelemetry import metrics as api

from .exemplars import ExemplarFilter
from .points import Kind, Temporality
from .stream import CARDINALITY_LIMIT, Aggregation, Identity, InstrumentKind, Stream

_logger = logging.getLogger(__name__)

SUM = Aggregation(Kind.SUM)
LAST_VALUE = Aggregation(Kind.GAUGE)
EXPLICIT = Aggregation(Kind.HISTOGRAM)
EXPONENTIAL = Aggregation(Kind.EXPONENTIAL_HISTOGRAM)

_HISTOGRAMS = (Kind.HISTOGRAM, Kind.EXPONENTIAL_HISTOGRAM)


def default_aggregation(kind: InstrumentKind) -> Aggregation:
    """What the specification aggregates an instrument kind by."""
    if kind is InstrumentKind.HISTOGRAM:
        return EXPLICIT
    return LAST_VALUE if kind in (InstrumentKind.GAUGE, InstrumentKind.OBSERVABLE_GAUGE) else SUM


@dataclass(frozen=True, slots=True)
class Preferences:
    """What one reader asks of its streams, by instrument kind.

    A kind that is not in `temporality` is cumulative; one not in `aggregation` has its default, and None
    drops it; one not in `limits` may have 2000 attribute sets.
    """

    temporality: Mapping[InstrumentKind, Temporality] = field(default_factory=dict)
    aggregation: Mapping[InstrumentKind, Aggregation | None] = field(default_factory=dict)
    limits: Mapping[InstrumentKind, int] = field(default_factory=dict)

    @property
    def delta(self) -> bool:
        """Whether any kind is wanted as differences."""
        return Temporality.DELTA in self.temporality.values()


_DELTA_OF: dict[str, tuple[InstrumentKind, ...]] = {
    "cumulative": (),
    "delta": (InstrumentKind.COUNTER, InstrumentKind.OBSERVABLE_COUNTER, InstrumentKind.HISTOGRAM),
    "lowmemory": (InstrumentKind.COUNTER, InstrumentKind.HISTOGRAM),
}


def preferences(temporality: str = "cumulative", histogram: str = "explicit_bucket_histogram") -> Preferences:
    """Preferences by the words of the OTLP metrics exporter's variables (its "Additional configuration").

    Args:
        temporality: `cumulative`, `delta` or `lowmemory`
            (`OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE`).
        histogram: `explicit_bucket_histogram` or `base2_exponential_bucket_histogram`
            (`OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION`).

    Raises:
        KeyError: the temporality is none of the three.
    """
    return Preferences(
        temporality=dict.fromkeys(_DELTA_OF[temporality], Temporality.DELTA),
        aggregation={InstrumentKind.HISTOGRAM: EXPONENTIAL} if histogram.startswith("base2") else {},
    )


def kind_of(instrument: type) -> InstrumentKind | None:
    """The kind that an instrument class of the API or of any SDK stands for; None for a common base."""
    names = {base.__name__ for base in instrument.__mro__}
    return next((kind for kind in InstrumentKind if kind.value in names or f"_{kind.value}" in names), None)


def _is_a(kind: InstrumentKind, wanted: type) -> bool:
    exact = kind_of(wanted)
    if exact is not None:
        return kind is exact
    cls: type = getattr(api, kind.value, None) or getattr(api, f"_{kind.value}")
    return issubclass(cls, wanted)


def matches(view: Any, instrument: Identity) -> bool:
    """Whether a `View` selects an instrument (metrics SDK, "Instrument selection criteria")."""
    scope = instrument.scope
    wanted: type | None = view._instrument_type
    return (
        (wanted is None or _is_a(instrument.kind, wanted))
        and (view._instrument_name is None or fnmatchcase(instrument.name, view._instrument_name.lower()))
        and (view._instrument_unit is None or fnmatchcase(instrument.unit, view._instrument_unit))
        and view._meter_name in (None, scope.name)
        and view._meter_version in (None, scope.version)
        and view._meter_schema_url in (None, scope.schema_url)
    )


def aggregation_of(official: Any, default: Aggregation | None) -> Aggregation | None:
    """An aggregation of the official SDK as ours; None drops, and `default` stands for its default."""
    names = {cls.__name__ for cls in type(official).__mro__}
    if "DropAggregation" in names:
        return None
    if "SumAggregation" in names:
        return SUM
    if "LastValueAggregation" in names:
        return LAST_VALUE
    if "ExplicitBucketHistogramAggregation" in names:
        return Aggregation(Kind.HISTOGRAM, official._boundaries, official._record_min_max)
    if "ExponentialBucketHistogramAggregation" in names:
        return Aggregation(
            Kind.EXPONENTIAL_HISTOGRAM,
            min_max=getattr(official, "_record_min_max", True),
            max_size=official._max_size,
            max_scale=official._max_scale,
        )
    if "DefaultAggregation" not in names:
        _logger.warning("The aggregation %s is not known; the default is used.", type(official).__name__)
    return default


def usable_bounds(bounds: Sequence[float] | None, instrument: str) -> Sequence[float] | None:
    """The bounds if a histogram can use them, else None and a warning."""
    if bounds is None:
        return None
    try:
        usable = all(map(math.isfinite, bounds)) and all(low < high for low, high in pairwise(bounds))
    except (TypeError, ValueError):
        usable = False
    if not usable:
        _logger.warning("Bucket boundaries of %s must be finite, increasing numbers; not used.", instrument)
        return None
    return tuple(bounds)


def streams_for(
    instrument: Identity, views: Iterable[Any], wanted: Preferences, exemplar_filter: ExemplarFilter
) -> list[Stream]:
    """The streams one reader gets of an instrument: one a matching view, or one as the reader prefers.

    Args:
        instrument: what was created.
        views: `View`s of the official SDK, in the order they were configured.
        wanted: the reader's preferences.
        exemplar_filter: which measurements may become exemplars.
    """
    preferred = wanted.aggregation.get(instrument.kind, default_aggregation(instrument.kind))
    temporality = wanted.temporality.get(instrument.kind, Temporality.CUMULATIVE)
    limit = wanted.limits.get(instrument.kind, CARDINALITY_LIMIT)
    streams: list[Stream] = []
    matched = False
    for view in views:
        if not matches(view, instrument):
            continue
        aggregation = aggregation_of(view._aggregation, preferred)
        if aggregation is not None:
            if instrument.asynchronous and aggregation.kind in _HISTOGRAMS:
                _logger.warning(
                    "A view makes a histogram of %s, which callbacks report; the view is not applied.",
                    instrument.name,
                )
                continue
            streams.append(
                Stream(
                    instrument,
                    _with_reservoir(_checked(aggregation, instrument), view),
                    temporality,
                    exemplar_filter,
                    name=view._name,
                    description=view._description,
                    attribute_keys=view._attribute_keys,
                    limit=getattr(view, "_aggregation_cardinality_limit", None) or limit,
                )
            )
        matched = True
    if not matched and preferred is not None:
        streams.append(
            Stream(instrument, _checked(preferred, instrument), temporality, exemplar_filter, limit=limit)
        )
    return streams


def _checked(aggregation: Aggregation, instrument: Identity) -> Aggregation:
    if aggregation.bounds is None or usable_bounds(aggregation.bounds, instrument.name) is not None:
        return aggregation
    return Aggregation(aggregation.kind, None, aggregation.min_max)


def _with_reservoir(aggregation: Aggregation, view: Any) -> Aggregation:
    factory = getattr(view, "_exemplar_reservoir_factory", None)
    if factory is None or getattr(factory, "__name__", "") == "_default_reservoir_factory":
        return aggregation
    from .official import reservoir_from  # only who customises reservoirs pays for that SDK

    return reservoir_from(factory, aggregation)


def conflicting(streams: Iterable[Stream]) -> list[Stream]:
    """Those that produce a metric of the same name and scope as an earlier one."""
    seen: set[tuple[object, str]] = set()
    again: list[Stream] = []
    for stream in streams:
        identity = (stream.scope, stream.name.lower())
        if identity in seen:
            again.append(stream)
        seen.add(identity)
    return again

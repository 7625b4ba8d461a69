"""Series in memory: brute force and obvious."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field

import re2

from temponest.nest.model.series import Exemplar, Histogram, Labels, Matcher, MatchOperator, Metadata, Series
from temponest.nest.model.source import CancelCheck

from .series_text import Sample


@dataclass
class Memory:
    """A source of what scripts load."""

    loaded: dict[Labels, dict[int, Sample]] = field(default_factory=dict)

    def load(self, interval_ms: int, series: Labels, samples: Sequence[Sample | None]) -> None:
        """Add samples from time zero on."""
        kept = self.loaded.setdefault(series, {})
        for index, value in enumerate(samples):
            if value is not None:
                kept[index * interval_ms] = value

    def copy(self) -> Memory:
        """Another one with the same samples."""
        return Memory({series: dict(samples) for series, samples in self.loaded.items()})

    def select(
        self,
        matchers: Sequence[Matcher],
        start_ms: int,
        end_ms: int,
        cancelled: CancelCheck,
        most: int = sys.maxsize,
    ) -> list[Series]:
        """See `SeriesSource.select`."""
        del cancelled, most
        found = []
        for series, samples in sorted(self.loaded.items()):
            inside = sorted(
                ((time, value) for time, value in samples.items() if start_ms <= time <= end_ms),
                key=lambda item: item[0],
            )
            if inside and all(_matches(matcher, dict(series)) for matcher in matchers):
                times = array("q", (time for time, _ in inside))
                numbers = array("d", (one.sum if isinstance(one, Histogram) else one for _, one in inside))
                native = [one if isinstance(one, Histogram) else None for _, one in inside]
                found.append(Series(series, times, numbers, native if any(native) else []))
        return found

    def series(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, cancelled: CancelCheck
    ) -> list[Labels]:
        """See `SeriesSource.series`."""
        return [one.labels for one in self.select(matchers, start_ms, end_ms, cancelled)]

    def exemplars(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, cancelled: CancelCheck
    ) -> list[Exemplar]:
        """See `SeriesSource.exemplars`."""
        del matchers, start_ms, end_ms, cancelled
        return []

    def metadata(self) -> dict[str, Metadata]:
        """See `SeriesSource.metadata`."""
        return {}


def _matches(matcher: Matcher, labels: dict[str, str]) -> bool:
    value = labels.get(matcher.name, "")
    match matcher.operator:
        case MatchOperator.EQ:
            return value == matcher.value
        case MatchOperator.NE:
            return value != matcher.value
        case MatchOperator.MATCH:
            return re2.fullmatch(f"(?s:{matcher.value})", value) is not None
        case MatchOperator.NOT_MATCH:
            return re2.fullmatch(f"(?s:{matcher.value})", value) is None

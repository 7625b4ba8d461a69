"""Time series as the nest holds them: Prometheus' data model (name and labels, samples in milliseconds)."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeAlias

Labels: TypeAlias = tuple[tuple[str, str], ...]
"""Label pairs sorted by name, `__name__` included."""


class MatchOperator(StrEnum):
    """Prometheus label matcher operators."""

    EQ = "="
    NE = "!="
    MATCH = "=~"
    NOT_MATCH = "!~"


@dataclass(frozen=True, slots=True)
class Matcher:
    """One label matcher. Regular expressions are anchored, RE2; a missing label is ""."""

    name: str
    operator: MatchOperator
    value: str


@dataclass(slots=True)
class Histogram:
    """A native histogram sample: Prometheus' exponential schema, spans expanded into index → count.

    Attributes:
        schema: resolution of the buckets, -53 where their bounds are `custom`.
        custom: upper bounds of the positive buckets, the last bucket having none.
        hint: what is known of the sample before: "reset", "not_reset" or "gauge"; "" where nothing is.
    """

    count: float
    sum: float
    schema: int
    zero_threshold: float
    zero_count: float
    positive: dict[int, float] = field(default_factory=dict)
    negative: dict[int, float] = field(default_factory=dict)
    custom: tuple[float, ...] = ()
    hint: str = ""


@dataclass(slots=True)
class Series:
    """One series: `times` in milliseconds ascending ('q'), `values` beside them ('d').

    A stale marker is the NaN with bits 0x7ff0000000000002. `histograms` is parallel to `times` where the
    series is a native histogram, with None where it was a number for once, else empty.
    """

    labels: Labels
    times: array[int] = field(default_factory=lambda: array("q"))
    values: array[float] = field(default_factory=lambda: array("d"))
    histograms: list[Histogram | None] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A measurement that remembers the span it was taken in; `labels`: `trace_id`, `span_id`."""

    series: Labels
    labels: Labels
    value: float
    time_ms: int


@dataclass(frozen=True, slots=True)
class Metadata:
    """Prometheus type (`counter`, `gauge`, `histogram`, `summary`, `unknown`), help text and unit."""

    type: str
    help: str
    unit: str

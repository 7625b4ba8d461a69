"""The seam between the query engines and the store. Its comments are the contract.

A source answers from everything that was acknowledged before the call. Objects it returns belong to the
caller, except `Resource` and `Scope`, which are shared and must not be changed. Every method may be called
from any thread and may take long, so callers run them off the event loop. `cancelled` is polled between
batches; when it returns True the source stops and raises `CancelledError`.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from .fetch import Attribute, AttributeScope, FetchRequest
from .series import Exemplar, Labels, Matcher, Metadata, Series
from .span import Span, Value

CancelCheck: TypeAlias = Callable[[], bool]


class CancelledError(Exception):
    """The caller no longer wants the answer: its deadline passed, its budget is spent or its client left."""


class TooManySamplesError(Exception):
    """More samples were found than the caller has room for."""


@dataclass(frozen=True, slots=True)
class Coded:
    """A column by its distinct values: span `i` has `values[codes[i]]`. `codes` may be a NumPy array."""

    codes: Sequence[int]
    values: Sequence[Value]


@dataclass(slots=True)
class Columns:
    """A batch of spans as columns, for metrics over many spans.

    All columns have the same length, one entry a span. `attributes` has a column for each attribute asked
    for, with None where a span has no such attribute; intrinsics come as in `Condition`. Times may be NumPy
    int64 arrays, and ids are indexed for a few exemplars only, so they may be sequences that decode lazily.
    Attributes of events and links are never asked for, a span has many; nor is what only a whole trace
    tells (`traceDuration`, `rootName`, `rootServiceName`).
    """

    trace_ids: Sequence[bytes]
    span_ids: Sequence[bytes]
    start_ns: Sequence[int]
    duration_ns: Sequence[int]
    attributes: Mapping[Attribute, Sequence[Value] | Coded]


@dataclass(frozen=True, slots=True)
class Operation:
    """A span name of a service with the kind it was seen with (OTLP number)."""

    name: str
    kind: int


@dataclass(frozen=True, slots=True)
class Edge:
    """A call between two services: `calls` counts spans of `child` whose parent belongs to `parent`."""

    parent: str
    child: str
    calls: int


class SpanSource(Protocol):
    """What trace queries may ask."""

    def search(self, request: FetchRequest, cancelled: CancelCheck) -> Iterator[list[bytes]]:
        """Trace ids with at least one span that may satisfy `request`, roughly newest first, none twice."""
        ...

    def traces(self, trace_ids: Sequence[bytes], cancelled: CancelCheck) -> dict[bytes, list[Span]]:
        """All spans of each trace that exists, ordered by start, without exact duplicates."""
        ...

    def columns(
        self, request: FetchRequest, attributes: Sequence[Attribute], cancelled: CancelCheck
    ) -> Iterator[Columns]:
        """Spans that may satisfy `request`, in any order; attributes of conditions are included."""
        ...

    def attribute_names(
        self, start_ns: int, end_ns: int, cancelled: CancelCheck
    ) -> dict[AttributeScope, list[str]]:
        """Names of the attributes seen in the window, sorted, by scope; intrinsics left out."""
        ...

    def attribute_values(
        self, attribute: Attribute, request: FetchRequest, limit: int, cancelled: CancelCheck
    ) -> list[Value]:
        """Distinct values on spans that satisfy `request`, at most `limit`, most frequent first."""
        ...

    def services(self, cancelled: CancelCheck) -> list[str]:
        """Every service name, sorted."""
        ...

    def operations(self, service: str, cancelled: CancelCheck) -> list[Operation]:
        """Span names of a service, sorted by name then kind."""
        ...

    def edges(self, start_ns: int, end_ns: int, cancelled: CancelCheck) -> list[Edge]:
        """Calls between services in the window, for the dependency graph."""
        ...


class SeriesSource(Protocol):
    """What metric queries may ask."""

    def select(
        self,
        matchers: Sequence[Matcher],
        start_ms: int,
        end_ms: int,
        cancelled: CancelCheck,
        most: int = sys.maxsize,
    ) -> list[Series]:
        """Series that satisfy every matcher, with their samples in the closed window, sorted by labels.

        Raises:
            TooManySamplesError: there are more than `most` samples; not many more of them were read.
        """
        ...

    def series(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, cancelled: CancelCheck
    ) -> list[Labels]:
        """Label sets of the series that satisfy every matcher and have a sample in the window."""
        ...

    def exemplars(
        self, matchers: Sequence[Matcher], start_ms: int, end_ms: int, cancelled: CancelCheck
    ) -> list[Exemplar]:
        """Exemplars of the series that satisfy every matcher, by series then time."""
        ...

    def metadata(self) -> dict[str, Metadata]:
        """Type, help and unit by metric name (the family's name, without `_bucket`, `_sum`, `_count`)."""
        ...

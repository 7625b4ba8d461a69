"""Which measurements become exemplars: the filter decides whether, the reservoir which one."""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Mapping
from enum import StrEnum
from typing import TypeAlias

from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN_CONTEXT, Span

from ..trace.context import SPAN_KEY, current
from .points import Attributes, Exemplar

NEVER = sys.maxsize
_NOTHING: Mapping[str, str] = {}
# A generator of our own: the application may seed the global one, and reads its sequence.
_random = random.Random().random  # noqa: S311 - choosing a sample is not cryptography


Where: TypeAlias = Context | Span | None
"""Where something was measured: a context, or only the span there; None for the current context."""


def span_of(where: Where) -> Span | None:
    """The span that something was measured in."""
    if isinstance(where, Span):
        return where
    found = (where or current()).get(SPAN_KEY)
    return found if isinstance(found, Span) else None


class ExemplarFilter(StrEnum):
    """Values of OTEL_METRICS_EXEMPLAR_FILTER (metrics SDK, "ExemplarFilter")."""

    TRACE_BASED = "trace_based"
    ALWAYS_ON = "always_on"
    ALWAYS_OFF = "always_off"


class Reservoir:
    """At most one exemplar a slot, every eligible measurement of an interval being equally likely to be it.

    A counter has one slot, a histogram one a bucket. The series keeps the ordinal of the next measurement
    worth offering, which is drawn ahead when one is kept, so that all others cost one comparison.
    """

    __slots__ = ("_always", "first", "kept")

    def __init__(self, slots: int, eligible: ExemplarFilter) -> None:
        self._always = eligible is ExemplarFilter.ALWAYS_ON
        self.first = NEVER if eligible is ExemplarFilter.ALWAYS_OFF else 1
        self.kept: list[Exemplar | None] = [None] * slots

    def offer(
        self,
        slot: int,
        seen: int,
        value: float,
        attributes: Attributes | None,
        own: Attributes,
        where: Where,
    ) -> int:
        """Keep a measurement, if the filter lets it; called with the series' lock held.

        Args:
            slot: where it would be kept.
            seen: its ordinal among the slot's measurements of this interval, from 1.
            value: what was measured.
            attributes: those it was measured with.
            own: those of the series, which an exemplar does not repeat.
            where: where it was measured.

        Returns:
            The ordinal of the next measurement to offer.
        """
        span = span_of(where)
        found = INVALID_SPAN_CONTEXT if span is None else span.get_span_context()
        if not (found.trace_flags & 1 or self._always):
            # Outside of sampled traces the looks grow rarer: all of the first 64, hundreds of ten thousand.
            return seen + 1 + (seen >> 6)
        self.kept[slot] = Exemplar(
            value,
            time.time_ns(),
            found.trace_id,
            found.span_id,
            {key: attributes[key] for key in attributes if key not in own} if attributes else _NOTHING,
        )
        # A measurement kept as the k-th stays with probability k/m once m were seen.
        return int(seen / (1.0 - _random())) + 1

    def take(self) -> list[Exemplar]:
        """The exemplars of the interval that ends; the next one begins empty."""
        kept = [exemplar for exemplar in self.kept if exemplar is not None]
        if kept:
            self.kept = [None] * len(self.kept)
        return kept

"""One series: the aggregated state of one attribute set of one stream.

Every update and every read holds the series' lock, so points are exact under threads and never torn. The
lock is re-entrant because a signal handler or a finalizer may record while the same thread is recording. It
is taken without `with`, which costs twice as much, and inside of `try`, as an interrupt may come right after.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from operator import itemgetter
from threading import RLock
from typing import TYPE_CHECKING

from .exemplars import Reservoir, Where
from .points import Attributes, Exemplar, HistogramPoint, NumberPoint, Point, Temporality

if TYPE_CHECKING:
    from .stream import SeriesKey, Stream


class Series:
    """What all aggregations share: who the series is, and where records go once it is retired.

    A delta stream begins every interval without series, so that idle attribute sets cost nothing; whoever
    still holds a retired one is sent on to its successor and nothing recorded in between is lost.
    """

    __slots__ = ("attributes", "key", "lock", "reservoir", "retired", "start", "stream")

    def __init__(self, stream: Stream, attributes: Attributes, start: int, slots: int) -> None:
        self.stream = stream
        self.key: SeriesKey = ()
        self.attributes = attributes
        self.start = start
        self.lock = RLock()
        self.retired = False
        self.reservoir = Reservoir(slots, stream.exemplar_filter)

    def use(self, reservoir: Reservoir) -> None:
        """Keep exemplars in another reservoir."""
        self.reservoir = reservoir

    def record(self, amount: float, attributes: Attributes | None, context: Where) -> None:
        """Take one measurement; `attributes` are those it was made with, before any view's selection."""
        raise NotImplementedError

    def collect(self, now: int) -> Point | None:
        """The point at `now` (Unix nanoseconds), or None when there is nothing to say."""
        raise NotImplementedError

    def reset(self, now: int) -> None:
        """Begin anew in a forked child: it is an instance of its own, which has counted nothing yet."""
        self.lock = RLock()
        self.start = now
        self.reservoir.take()

    def successor(self) -> Series:
        """The live series with these attributes."""
        return self.stream.keyed(self.key, self.attributes)


class NumberSeries(Series):
    """A series of one number, and so of one exemplar."""

    __slots__ = ("due", "seen")

    def __init__(self, stream: Stream, attributes: Attributes, start: int) -> None:
        super().__init__(stream, attributes, start, 1)
        self.seen = 0
        self.due = self.reservoir.first

    def exemplars(self) -> list[Exemplar]:
        """Those of the interval that ends."""
        self.seen = 0
        self.due = self.reservoir.first
        return self.reservoir.take()


class SumSeries(NumberSeries):
    """A running total of increments."""

    __slots__ = ("value",)

    def __init__(self, stream: Stream, attributes: Attributes, start: int) -> None:
        super().__init__(stream, attributes, start)
        self.value: float = 0

    def record(self, amount: float, attributes: Attributes | None, context: Where) -> None:
        """Add `amount`."""
        lock = self.lock
        try:
            lock.acquire()
            if not self.retired:
                self.value += amount
                self.seen = seen = self.seen + 1
                if seen >= self.due:
                    self.due = self.reservoir.offer(0, seen, amount, attributes, self.attributes, context)
                return
        finally:
            lock.release()
        self.successor().record(amount, attributes, context)

    def collect(self, now: int) -> NumberPoint:
        """The total since the start; cumulative series go on, delta series are retired by their stream."""
        return NumberPoint(self.attributes, self.start, now, self.value, self.exemplars())

    def reset(self, now: int) -> None:
        """Begin anew at zero."""
        super().reset(now)
        self.value = 0


class ObservedSumSeries(NumberSeries):
    """A total that callbacks report; a delta is the difference to the total before."""

    __slots__ = ("previous", "value")

    def __init__(self, stream: Stream, attributes: Attributes, start: int) -> None:
        super().__init__(stream, attributes, start)
        self.value: float | None = None
        self.previous: float = 0

    def record(self, amount: float, attributes: Attributes | None, context: Where) -> None:
        """Take an observed total; several for one attribute set of one collection are summed."""
        lock = self.lock
        try:
            lock.acquire()
            self.value = amount if self.value is None else self.value + amount
            self.seen = seen = self.seen + 1
            if seen >= self.due:
                self.due = self.reservoir.offer(0, seen, amount, attributes, self.attributes, context)
        finally:
            lock.release()

    def collect(self, now: int) -> NumberPoint | None:
        """The point of this collection, or None if no callback reported this attribute set."""
        value, self.value = self.value, None
        if value is None:
            return None
        start = self.start
        if self.stream.temporality is Temporality.DELTA:
            value, self.previous = value - self.previous, value
            self.start = now
        return NumberPoint(self.attributes, start, now, value, self.exemplars())

    def reset(self, now: int) -> None:
        """Begin anew; what the callback counted before the fork is in no delta of the child's."""
        super().reset(now)
        self.value = None


class LastValueSeries(NumberSeries):
    """The last value set or observed."""

    __slots__ = ("value",)

    def __init__(self, stream: Stream, attributes: Attributes, start: int) -> None:
        super().__init__(stream, attributes, start)
        self.value: float | None = None

    def record(self, amount: float, attributes: Attributes | None, context: Where) -> None:
        """Replace the value."""
        lock = self.lock
        try:
            lock.acquire()
            if not self.retired:
                self.value = amount
                self.seen = seen = self.seen + 1
                if seen >= self.due:
                    self.due = self.reservoir.offer(0, seen, amount, attributes, self.attributes, context)
                return
        finally:
            lock.release()
        self.successor().record(amount, attributes, context)

    def collect(self, now: int) -> NumberPoint | None:
        """The value; an observed one counts for the collection it was observed in only."""
        value = self.value
        if value is None:
            return None
        if self.stream.asynchronous:
            self.value = None
        return NumberPoint(self.attributes, None, now, value, self.exemplars())


class HistogramSeries(Series):
    """Counts by explicit bucket with sum, minimum and maximum."""

    __slots__ = ("before", "bounds", "counts", "due", "max", "min", "min_max", "sum")

    def __init__(
        self, stream: Stream, attributes: Attributes, start: int, bounds: Sequence[float], min_max: bool
    ) -> None:
        super().__init__(stream, attributes, start, len(bounds) + 1)
        self.bounds = bounds
        self.min_max = min_max
        self._empty()

    def _empty(self) -> None:
        self.counts = [0] * (len(self.bounds) + 1)
        self.sum: float = 0
        # Without minimum and maximum, both are values that no amount is beyond.
        self.min = math.inf if self.min_max else -math.inf
        self.max = -self.min
        # Counts before this interval: what lies between is the ordinal of a measurement in its bucket.
        self.before = self.counts.copy()
        self.due = [self.reservoir.first] * len(self.counts)

    def record(self, amount: float, attributes: Attributes | None, context: Where) -> None:
        """Count `amount` in its bucket; bounds are inclusive above."""
        bucket = bisect_left(self.bounds, amount)
        lock = self.lock
        try:
            lock.acquire()
            if not self.retired:
                self.sum += amount
                if amount > self.max:
                    self.max = amount
                if amount < self.min:
                    self.min = amount
                counts = self.counts
                counts[bucket] = count = counts[bucket] + 1
                if count >= self.due[bucket]:
                    before = self.before[bucket]
                    self.due[bucket] = before + self.reservoir.offer(
                        bucket, count - before, amount, attributes, self.attributes, context
                    )
                return
        finally:
            lock.release()
        self.successor().record(amount, attributes, context)

    def collect(self, now: int) -> HistogramPoint:
        """The distribution since the start."""
        counts = self.before = self.counts
        self.counts = counts.copy()
        first = self.reservoir.first
        self.due = [count + first for count in counts]
        known = self.min_max and self.min <= self.max
        return HistogramPoint(
            self.attributes,
            self.start,
            now,
            sum(counts),
            self.sum,
            self.min if known else None,
            self.max if known else None,
            self.bounds,
            counts,
            self.reservoir.take(),
        )

    def reset(self, now: int) -> None:
        """Begin anew, empty."""
        super().reset(now)
        self._empty()


class Fanout:
    """Several series that one measurement goes into: one a view that matched, one a reader."""

    __slots__ = ("targets",)

    def __init__(self, targets: Sequence[Series]) -> None:
        self.targets = targets

    def record(self, amount: float, attributes: Attributes | None, context: Where) -> None:
        """Take one measurement into all of them (none at all for a dropped instrument)."""
        for target in self.targets:
            target.record(amount, attributes, context)


Target = Series | Fanout


class ByType:
    """Attribute sets that Python holds equal and the data model does not (1, 1.0 and True).

    Args:
        keys: those whose values are not strings, which are the ones that can be mistaken.
    """

    __slots__ = ("_pick", "_single", "targets")

    def __init__(self, keys: Sequence[str]) -> None:
        self._pick = itemgetter(*keys)
        self._single = len(keys) == 1
        self.targets: dict[object, Target] = {}

    def record(self, amount: float, attributes: Attributes | None, context: Where) -> None:
        """Take one measurement into the target for the values' types; KeyError when these are new."""
        picked = self._pick(attributes)  # type: ignore[arg-type] # no attributes is a set of its own
        kind = picked.__class__ if self._single else tuple(map(type, picked))
        self.targets[kind].record(amount, attributes, context)

    def add(self, attributes: Attributes, target: Target) -> None:
        """Remember the target for the types of these attributes' values."""
        picked = self._pick(attributes)
        self.targets[picked.__class__ if self._single else tuple(map(type, picked))] = target

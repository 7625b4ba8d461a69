"""Log queries: the newest or oldest lines that pass, never more than asked for in memory."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..model.budget import Budget
from ..model.log import LogSource, UnreadableError
from ..model.source import CancelledError
from .errors import QueryStoppedError, TooLargeError
from .frame import Entry, Frame
from .pipeline import run
from .select import request
from .tree import LogQuery

# Of one answer. It is held a few times over while it becomes JSON.
MAX_CHARACTERS = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Entries:
    """Lines in the order that was asked for.

    Attributes:
        entries: they.
        cut_off: whether time ran out before everything was looked at.
    """

    entries: list[Entry] = field(default_factory=list)
    cut_off: bool = False


def entries(
    source: LogSource,
    query: LogQuery,
    start_ns: int,
    end_ns: int,
    limit: int,
    budget: Budget,
    *,
    newest_first: bool,
) -> Entries:
    """The first `limit` lines of a window that a query selects.

    Raises:
        QueryStoppedError: time ran out before there was any.
        TooLargeError: the lines are too long to be given out at once.
        CancelledError: nobody waits any more.
    """
    best = _Best(limit, newest_first)
    asked = request(query, start_ns, end_ns, newest_first=newest_first)
    cut_off = False
    try:
        for batch in source.logs(asked, budget.cancelled):
            if best.enough(batch.bound_ns):
                break
            try:
                best.add(run(Frame(batch), query.stages))
            except UnreadableError:
                continue
    except CancelledError:
        if not budget.spent():
            raise
        if not best.frames:
            raise QueryStoppedError("the query ran out of time; ask for a shorter window") from None
        cut_off = True
    return Entries(best.entries(), cut_off)


class _Best:
    """The lines that come first, of all batches so far."""

    def __init__(self, limit: int, newest_first: bool) -> None:
        self._limit = limit
        self._sign = -1 if newest_first else 1
        self.frames: list[Frame] = []
        self._last: int | None = None

    def enough(self, bound_ns: int) -> bool:
        """Whether no batch from this bound on can hold a line that comes before the last of them."""
        return self._last is not None and self._sign * bound_ns > self._sign * self._last

    def add(self, frame: Frame) -> None:
        """Take what is worth it."""
        if not frame.rows:
            return
        order = np.argsort(self._sign * frame.batch.times(), kind="stable")[: self._limit]
        self.frames.append(frame.take(np.sort(order)))
        times = np.concatenate([one.batch.times() for one in self.frames])
        if len(times) < self._limit:
            return
        self._last = self._sign * int(np.sort(self._sign * times)[self._limit - 1])
        kept = (
            one.take(np.flatnonzero(self._sign * one.batch.times() <= self._sign * self._last))
            for one in self.frames
        )
        self.frames = [one for one in kept if one.rows]

    def entries(self) -> list[Entry]:
        """The lines in order, each once: what a sender repeats is one line."""
        every: list[Entry] = []
        size = 0
        for frame in self.frames:
            try:
                for entry in frame.entries():
                    size += len(entry.line) + sum(map(len, entry.labels.values()))
                    if size > MAX_CHARACTERS:
                        raise TooLargeError(
                            f"the lines have more than {MAX_CHARACTERS:,} characters; "
                            "ask for fewer with limit"
                        )
                    every.append(entry)
            except UnreadableError:
                continue
        found: dict[tuple[object, ...], Entry] = {}
        for one in sorted(every, key=lambda entry: self._sign * entry.time_ns):
            found.setdefault((one.time_ns, one.line, *sorted(one.labels.items())), one)
        return list(found.values())[: self._limit]

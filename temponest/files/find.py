"""Every trace that a query selects, by Tempo's API alone, which finds a page, newest first, without a cursor.

So time is cut into windows that hold less than a page, oldest first. A trace belongs to the first window in
which it is found; those that reach into the next window are remembered until they have ended.
"""

from __future__ import annotations

from collections.abc import Iterator

from temponest.client.tempo import Tempo, TraceSummary

# Traces of one search. The server loads each of them to find it, so a page that is too full costs seconds.
PAGE = 500
# What one second may hold, the shortest window; the nest finds no more in one search.
MOST_IN_A_SECOND = 10_000


class Found:
    """The traces, and what could not be listed.

    Args:
        tempo: whom to ask.
        query: TraceQL.
        start: first second.
        end: second after the last.
    """

    def __init__(self, tempo: Tempo, query: str, start: int, end: int) -> None:
        self._tempo = tempo
        self._query = query
        self._start = start
        self._end = end
        self.crowded: list[int] = []

    def __iter__(self) -> Iterator[list[str]]:
        """Ids in hex, some at a time, each once."""
        begin, width = self._start, max(1, self._end - self._start)
        lasting: dict[str, int] = {}
        while begin < self._end:
            end = min(self._end, begin + width)
            found = self._search(begin, end, PAGE if end - begin > 1 else MOST_IN_A_SECOND)
            if len(found) >= PAGE and end - begin > 1:
                width = max(1, width // 4)
                continue
            if len(found) >= MOST_IN_A_SECOND:
                self.crowded.append(begin)
            new = [one for one in found if one.trace_id not in lasting]
            if new:
                yield [one.trace_id for one in new]
            lasting = {one: last for one, last in lasting.items() if last >= end}
            lasting |= {one.trace_id: last for one in new if (last := _last_second(one)) >= end}
            begin = end
            width = width * 2 if len(found) < PAGE // 4 else width

    def _search(self, begin: int, end: int, limit: int) -> list[TraceSummary]:
        return self._tempo.search(self._query, limit=limit, start=begin, end=end)


def _last_second(trace: TraceSummary) -> int:
    """The last second in which a span of it may start; durations are cut to milliseconds."""
    return (trace.start_ns + (trace.duration_ms + 1) * 1_000_000) // 1_000_000_000

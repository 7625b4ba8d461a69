"""What people ask of log records: lines, numbers of lines, streams and their labels."""

from __future__ import annotations

from collections.abc import Sequence

from ..logql.engine import Engine, parse_selector
from ..logql.entries import Entries
from ..logql.labels import stream_labels
from ..logql.select import selected
from ..model.budget import Budget
from ..model.log import LogSource
from ..promql.engine import Result


class Logs:
    """The questions over one source.

    Args:
        source: where the log records are.
    """

    def __init__(self, source: LogSource) -> None:
        self._source = source
        self._engine = Engine(source)

    def instant(self, query: str, time_ns: int, budget: Budget) -> Result:
        """See `Engine.instant`."""
        return self._engine.instant(query, time_ns, budget)

    def range(
        self,
        query: str,
        start_ns: int,
        end_ns: int,
        budget: Budget,
        *,
        limit: int,
        newest_first: bool,
        step_ns: int,
    ) -> Entries | Result:
        """See `Engine.range`."""
        return self._engine.range(
            query, start_ns, end_ns, budget, limit=limit, newest_first=newest_first, step_ns=step_ns
        )

    def streams(
        self, selectors: Sequence[str], start_ns: int, end_ns: int, budget: Budget
    ) -> list[dict[str, str]]:
        """Labels of the streams that any of the selectors finds and that may have a line in the window."""
        tests = [selected(parse_selector(one)) for one in selectors]
        found = {
            tuple(stream_labels(resource).items())
            for resource in self._source.resources(start_ns, end_ns, budget.cancelled)
            if not tests or any(test(resource) for test in tests)
        }
        return [dict(labels) for labels in sorted(found)]

    def label_names(self, selectors: Sequence[str], start_ns: int, end_ns: int, budget: Budget) -> list[str]:
        """Names of the labels of those streams, sorted."""
        return sorted({name for one in self.streams(selectors, start_ns, end_ns, budget) for name in one})

    def label_values(
        self, name: str, selectors: Sequence[str], start_ns: int, end_ns: int, budget: Budget
    ) -> list[str]:
        """Values of a label on those streams, sorted."""
        streams = self.streams(selectors, start_ns, end_ns, budget)
        return sorted({one[name] for one in streams if name in one})

"""What people ask of metric series: values now and over time, names, exemplars."""

from __future__ import annotations

from collections.abc import Sequence

from ..model.budget import Budget
from ..model.series import Exemplar, Labels, Matcher, Metadata
from ..model.source import SeriesSource
from ..promql.engine import Engine, Result
from ..promql.select import selectors
from ..promql.values import key


class Metrics:
    """The questions over one source.

    Args:
        source: where the series are.
    """

    def __init__(self, source: SeriesSource) -> None:
        self._source = source
        self._engine = Engine(source)

    def instant(self, query: str, time_ms: int, budget: Budget) -> Result:
        """See `Engine.instant`."""
        return self._engine.instant(query, time_ms, budget)

    def range(self, query: str, start_ms: int, end_ms: int, step_ms: int, budget: Budget) -> Result:
        """See `Engine.range`."""
        return self._engine.range(query, start_ms, end_ms, step_ms, budget)

    def series(self, queries: Sequence[str], start_ms: int, end_ms: int, budget: Budget) -> list[Labels]:
        """Series that any of the selectors finds in the window, sorted; all of them when there is none."""
        found: set[Labels] = set()
        for matchers in self._matchers(queries):
            found.update(self._source.series(matchers, start_ms, end_ms, budget.cancelled))
        return sorted(found)

    def label_names(self, queries: Sequence[str], start_ms: int, end_ms: int, budget: Budget) -> list[str]:
        """Names of the labels of those series, sorted."""
        found = self.series(queries, start_ms, end_ms, budget)
        return sorted({name for labels in found for name, _ in labels})

    def label_values(
        self, name: str, queries: Sequence[str], start_ms: int, end_ms: int, budget: Budget
    ) -> list[str]:
        """Values of one label on those series, sorted."""
        found = self.series(queries, start_ms, end_ms, budget)
        return sorted({value for labels in found for label, value in labels if label == name})

    def exemplars(
        self, query: str, start_ms: int, end_ms: int, budget: Budget
    ) -> list[tuple[Labels, list[Exemplar]]]:
        """Exemplars of every series that a query reads, by series."""
        grouped: dict[Labels, list[Exemplar]] = {}
        for matchers in self._matchers([query]):
            for exemplar in self._source.exemplars(matchers, start_ms, end_ms, budget.cancelled):
                there = grouped.setdefault(exemplar.series, [])
                if exemplar not in there:
                    there.append(exemplar)
        return sorted(grouped.items(), key=lambda item: key(dict(item[0])))

    def metadata(self) -> dict[str, Metadata]:
        """Type, help and unit by metric."""
        return self._source.metadata()

    @staticmethod
    def _matchers(queries: Sequence[str]) -> list[tuple[Matcher, ...]]:
        return [matchers for query in queries for matchers in selectors(query)] or [()]

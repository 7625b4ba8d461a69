"""One query from text to answer."""

from __future__ import annotations

import numpy as np

from ..model.budget import Budget
from ..model.log import LogSource
from ..promql.engine import Result
from . import metric
from .entries import Entries, entries
from .errors import InvalidQueryError, ParseError
from .parser import Parser
from .tokens import tokenize
from .tree import LabelMatch, LogQuery

# As many as Loki gives out at once by default.
MAX_ENTRIES = 5_000


def parse_log_query(text: str) -> LogQuery:
    """A query for lines.

    Raises:
        ParseError, UnsupportedError: it is none.
    """
    if not text.strip():
        raise ParseError('the query is empty; write for example {service_name=~".+"}', text, 0)
    parser = Parser(text, tokenize(text))
    query = parser.log_query()
    parser.end()
    return query


def parse_selector(text: str) -> tuple[LabelMatch, ...]:
    """A stream selector, as `series` and `labels` take it; stages behind it are read and left out."""
    return parse_log_query(text).selector


class Engine:
    """Answers queries over one source.

    Args:
        source: where the log records are.
    """

    def __init__(self, source: LogSource) -> None:
        self._source = source

    def instant(self, text: str, time_ns: int, budget: Budget) -> Result:
        """The value of a metric query at one time.

        Raises:
            LogQLError: see its kinds.
        """
        if not metric.is_metric(tokenize(text)):
            raise InvalidQueryError(
                "a query for lines needs a window: ask query_range; query answers metric queries such as"
                " sum by (detected_level) (count_over_time({...}[5m]))"
            )
        return metric.run(self._source, text, np.array([time_ns], np.int64), budget, instant=True)

    def range(
        self,
        text: str,
        start_ns: int,
        end_ns: int,
        budget: Budget,
        *,
        limit: int = 100,
        newest_first: bool = True,
        step_ns: int = 0,
    ) -> Entries | Result:
        """Lines of a window, its end left out, or the value of a metric query at each step, end included.

        Raises:
            LogQLError: see its kinds.
        """
        if metric.is_metric(tokenize(text)):
            times = metric.grid(start_ns, end_ns, step_ns)
            return metric.run(self._source, text, times, budget, instant=False)
        query = parse_log_query(text)
        if limit > MAX_ENTRIES:
            raise InvalidQueryError(f"limit={limit}: at most {MAX_ENTRIES:,} entries are given out at once")
        return entries(self._source, query, start_ns, end_ns, limit, budget, newest_first=newest_first)

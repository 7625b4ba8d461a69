"""Text to tree, with Prometheus' own grammar (the `promql-parser` package)."""

from __future__ import annotations

import promql_parser as pp

from .values import QueryError

# The grammar walks brackets one inside the other; a query this long is no query.
MAX_LENGTH = 100_000


def parse(query: str) -> pp.Expr:
    """The tree of a query.

    Raises:
        QueryError: it is empty, too long, or not PromQL; the message says what was expected.
    """
    if not query.strip():
        raise QueryError("the query is empty")
    if len(query) > MAX_LENGTH:
        raise QueryError(f"the query has more than {MAX_LENGTH} characters")
    try:
        return pp.parse(query)
    except ValueError as error:
        raise QueryError(f"parse error: {error}") from None


def duration_ms(text: str) -> int | None:
    """A duration such as `5m` or `1h30m` in ms; None where it is none."""
    try:
        return round(pp.parse_duration(text).total_seconds() * 1000)
    except (ValueError, OverflowError):
        return None

"""What can be wrong with a query, and where."""

from __future__ import annotations

from ..model.query_text import QueryTextError


class QueryError(Exception):
    """The query cannot be parsed or means nothing: `bad_data`, HTTP 400."""


class ParseError(QueryTextError, QueryError):
    """The text is not PromQL, or what it says cannot be; the message shows where."""


class ExecutionError(Exception):
    """The query is right and this data has no answer to it: `execution`, HTTP 422."""

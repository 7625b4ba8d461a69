"""What can be wrong with a query, in the user's words.

TraceQLError
├── ParseError         the text is not TraceQL: line, column and a caret
├── InvalidQueryError  it is TraceQL but means nothing (a number compared with a status)
├── UnsupportedError   it is TraceQL and would mean something, but no engine answers it yet
├── TooLargeError      the answer does not fit in the memory a query may use
└── QueryStoppedError  the query ran out of time before it had any answer
"""

from __future__ import annotations

from ..model.query_text import QueryTextError


class TraceQLError(Exception):
    """A query that cannot be answered; the message is shown to whoever wrote it."""


class ParseError(QueryTextError, TraceQLError):
    """The text is not TraceQL."""


class InvalidQueryError(TraceQLError):
    """The query parses, but part of it has no meaning; the message ends with that part."""


class UnsupportedError(TraceQLError):
    """The query has a meaning that this engine, like Tempo's, does not compute yet."""


class TooLargeError(TraceQLError):
    """The answer does not fit in the memory a query may use; the message says how to ask for less."""


class QueryStoppedError(TraceQLError):
    """The query was stopped at its limit of time before it had any answer to give."""

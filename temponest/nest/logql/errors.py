"""What can be wrong with a query, in the user's words.

LogQLError
├── ParseError         the text is not LogQL: line, column and a caret
├── UnsupportedError   it is LogQL and no engine here answers it
├── InvalidQueryError  it is LogQL, but these records have no answer to it
├── TooLargeError      the answer does not fit in what a query may use
└── QueryStoppedError  the query ran out of time before it had its answer
"""

from __future__ import annotations

from ..model.query_text import QueryTextError


class LogQLError(Exception):
    """A query that cannot be answered; the message is shown to whoever wrote it."""


class ParseError(QueryTextError, LogQLError):
    """The text is not LogQL."""


class UnsupportedError(QueryTextError, LogQLError):
    """It is LogQL that is not answered here; the message names the part."""


class InvalidQueryError(LogQLError):
    """A pipeline fails on the records it meets, or a parameter makes no sense."""


class TooLargeError(LogQLError):
    """The answer has more series or entries than a query may use; the message says how to ask for less."""


class QueryStoppedError(LogQLError):
    """The query was stopped at its limit of time."""

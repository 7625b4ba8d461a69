"""What can be wrong with a query, in the user's words.

TraceQLError
├── ParseError         the text is not TraceQL: line, column and a caret
├── InvalidQueryError  it is TraceQL but means nothing (a number compared with a status)
├── UnsupportedError   it is TraceQL and would mean something, but no engine answers it yet
├── TooLargeError      the answer does not fit in the memory a query may use
└── QueryStoppedError  the query ran out of time before it had any answer
"""

from __future__ import annotations


class TraceQLError(Exception):
    """A query that cannot be answered; the message is shown to whoever wrote it."""


# Characters of a long line shown on either side of an error.
LINE_SHOWN = 60


class ParseError(TraceQLError):
    """The text is not TraceQL.

    Attributes:
        line: line of the offending token, from 1.
        column: its column in characters, from 1.
        reason: what was found and what was expected.
        query: the whole text.
    """

    def __init__(self, reason: str, query: str, position: int) -> None:
        self.reason = reason
        self.query = query
        self.line = query.count("\n", 0, position) + 1
        start = query.rfind("\n", 0, position) + 1
        self.column = position - start + 1
        end = query.find("\n", start)
        line = query[start : end if end >= 0 else len(query)]
        # Of a very long line only the neighbourhood, so that the caret is on the same screen.
        cut = max(0, self.column - 1 - LINE_SHOWN) if len(line) > 2 * LINE_SHOWN else 0
        self._source_line = line[cut : cut + 2 * LINE_SHOWN]
        self._caret = self.column - 1 - cut
        super().__init__(reason)

    def __str__(self) -> str:
        # A tab in the line is kept before the caret, so that both are as wide in any terminal.
        indent = "".join(c if c == "\t" else " " for c in self._source_line[: self._caret])
        return (
            f"parse error at line {self.line}, col {self.column}: {self.reason}\n"
            f"  {self._source_line}\n  {indent}^"
        )


class InvalidQueryError(TraceQLError):
    """The query parses, but part of it has no meaning; the message ends with that part."""


class UnsupportedError(TraceQLError):
    """The query has a meaning that this engine, like Tempo's, does not compute yet."""


class TooLargeError(TraceQLError):
    """The answer does not fit in the memory a query may use; the message says how to ask for less."""


class QueryStoppedError(TraceQLError):
    """The query was stopped at its limit of time before it had any answer to give."""

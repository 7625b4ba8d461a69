"""Text to a checked tree."""

from __future__ import annotations

from . import tokens
from .check import check
from .errors import ParseError, QueryError
from .parser import Parser
from .tree import Expression

# A query longer than this is no query, and would only cost time.
MAX_LENGTH = 100_000


def parse(query: str) -> Expression:
    """The tree of a query.

    Raises:
        QueryError: it is empty, too long, or not PromQL; the message says where, what was found and wanted.
    """
    if not query.strip():
        raise QueryError("the query is empty")
    if len(query) > MAX_LENGTH:
        raise QueryError(f"the query has more than {MAX_LENGTH} characters")
    tree = Parser(query).parse()
    check(tree, query)
    return tree


def duration_ms(text: str) -> int | None:
    """A duration such as `5m` or `1h30m` in ms; None where it is none."""
    return tokens.milliseconds(text)


__all__ = ["ParseError", "duration_ms", "parse"]

"""One table: what went wrong → the HTTP status and the words. A dialect only wraps them in its own shape."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from ..logql import errors as logql
from ..model.source import CancelledError
from ..promql.engine import TimeoutError as PromQLTimeoutError
from ..promql.errors import ExecutionError, QueryError
from ..traceql.errors import InvalidQueryError, ParseError, QueryStoppedError, TooLargeError, UnsupportedError

logger = logging.getLogger("temponest.nest.api")


class RequestError(Exception):
    """A request that cannot be answered as it was sent.

    Args:
        message: what was found and what is wanted, for whoever sent it.
        status: the HTTP status.
    """

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True, slots=True)
class Problem:
    """An error as any dialect can show it."""

    status: int
    message: str


# Nginx's number for a client that left; nobody reads the answer, but the access log shows why there was none.
CLIENT_CLOSED = 499

_STATUSES: tuple[tuple[type[Exception], int], ...] = (
    (ParseError, 400),
    (InvalidQueryError, 400),
    (UnsupportedError, 400),
    (TooLargeError, 422),
    (QueryStoppedError, 503),
    (QueryError, 400),
    (ExecutionError, 422),
    (PromQLTimeoutError, 503),
    (logql.QueryStoppedError, 503),
    (logql.TooLargeError, 422),
    (logql.LogQLError, 400),
    (CancelledError, CLIENT_CLOSED),
)
_PREFIXES = {
    **dict.fromkeys((ParseError, InvalidQueryError, UnsupportedError), "invalid TraceQL query: "),
    logql.LogQLError: "invalid LogQL query: ",
}


def problem_of(error: Exception) -> Problem:
    """The status and message for an exception; an unexpected one is logged and shown without its details."""
    if isinstance(error, RequestError):
        return Problem(error.status, str(error))
    for kind, status in _STATUSES:
        if isinstance(error, kind):
            prefix = _PREFIXES.get(kind, "")
            return Problem(status, prefix + (str(error) or "the query was stopped"))
    logger.error("request failed", exc_info=error)
    return Problem(500, "internal error; the nest's log has the details")

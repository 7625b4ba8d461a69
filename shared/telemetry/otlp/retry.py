"""When to try again: pure functions of what happened, so that tests need no clock and no chance.

OTLP asks for exponential back-off with jitter and for the receiver's own wish (`Retry-After`, `RetryInfo`)
to be honoured (specification/protocol/otlp: retryable responses).
"""

from __future__ import annotations

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

FIRST_SECONDS: Final = 1.0
LONGEST_SECONDS: Final = 30.0
LONGEST_WISH_SECONDS: Final = 300.0

RETRYABLE_HTTP: Final = frozenset({429, 502, 503, 504})
RETRYABLE_GRPC: Final = frozenset({1, 4, 10, 11, 14, 15})
RESOURCE_EXHAUSTED: Final = 8


def delay(failures: int, wish: float | None, chance: float) -> float:
    """Seconds to wait before the next attempt.

    Args:
        failures: attempts that failed in a row, at least 1.
        wish: seconds that the receiver asked for, None when it did not: the least, up to five minutes.
        chance: a random number from 0 to 1; services that lost the same receiver must not return together.
    """
    step = min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(failures - 1, 10)) * (0.5 + chance / 2)
    if wish is None:
        return step
    return min(max(wish, 0.0), LONGEST_WISH_SECONDS) + step * 0.1


def retryable_grpc(code: int, wish: float | None) -> bool:
    """Whether a gRPC status may be tried again; RESOURCE_EXHAUSTED only with a RetryInfo."""
    return code in RETRYABLE_GRPC or (code == RESOURCE_EXHAUSTED and wish is not None)


def retry_after(header: str | None, now: datetime | None = None) -> float | None:
    """Seconds of a `Retry-After` header, which holds seconds or an HTTP date (RFC 9110, 10.2.3).

    Args:
        header: the header's value, None without one.
        now: the time to count a date from; the current time when None.

    Returns:
        Seconds, never negative; None without a header or when it cannot be read.
    """
    if header is None:
        return None
    value = header.strip()
    if value.isascii() and value.isdigit():
        return float(value[:9])
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - (now or datetime.now(UTC))).total_seconds())

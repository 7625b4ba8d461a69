"""Why a request is refused: one exception, from which each transport makes its own answer."""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """gRPC status codes that a receiver answers with."""

    INVALID_ARGUMENT = 3
    RESOURCE_EXHAUSTED = 8
    UNIMPLEMENTED = 12
    INTERNAL = 13
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not a defect
    """The request was not taken; nothing of it was kept.

    Args:
        code: gRPC status.
        http: HTTP status.
        message: what was wrong and what to do, for whoever runs the sender.
        retry_after: seconds after which trying again makes sense; None where it never does.
        cause: in a word, to count refusals by.
    """

    def __init__(
        self,
        code: Code,
        http: int,
        message: str,
        retry_after: float | None = None,
        cause: str = "malformed",
    ) -> None:
        super().__init__(message)
        self.cause = cause
        self.code = code
        self.http = http
        self.message = message
        self.retry_after = retry_after


def malformed(message: str) -> Refused:
    """400 and INVALID_ARGUMENT: the sender must not try again."""
    return Refused(Code.INVALID_ARGUMENT, 400, message)


def too_large(limit: int) -> Refused:
    """413: OTLP/HTTP's answer to a body over the limit after decompression."""
    return Refused(
        Code.RESOURCE_EXHAUSTED,
        413,
        f"the request is larger than {limit} bytes after decompression; send smaller batches",
        cause="too_large",
    )


def too_heavy(text: int, weight: int) -> Refused:
    """413: JSON of which one piece is longer, or takes more memory while it is read, than is allowed."""
    return Refused(
        Code.RESOURCE_EXHAUSTED,
        413,
        f"one record or resource has more than {text // 1024**2} MiB of JSON, "
        f"or takes {weight // 1024**2} MiB to be read; send protobuf",
        cause="too_large",
    )


def too_many(what: str, limit: int) -> Refused:
    """413: JSON that takes too long to read, however small it is."""
    return Refused(
        Code.RESOURCE_EXHAUSTED,
        413,
        f"the request has more than {limit:,} {what}; send smaller batches",
        cause="too_large",
    )


def busy(reason: str, retry_after: float, cause: str) -> Refused:
    """503 and UNAVAILABLE with the time to wait: the sender keeps the data and tries again."""
    return Refused(Code.UNAVAILABLE, 503, reason, retry_after, cause)


def too_much(reason: str, retry_after: float, cause: str) -> Refused:
    """429 and RESOURCE_EXHAUSTED with the time to wait: as `busy`, and this sender is a reason for it."""
    return Refused(Code.RESOURCE_EXHAUSTED, 429, reason, retry_after, cause)


def not_allowed() -> Refused:
    """401 and UNAUTHENTICATED: the token is wrong or lacks."""
    return Refused(
        Code.UNAUTHENTICATED,
        401,
        "send the nest's token: OTEL_EXPORTER_OTLP_HEADERS='authorization=Bearer%20TOKEN'",
        cause="token",
    )

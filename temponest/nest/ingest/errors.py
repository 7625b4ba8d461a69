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


class Refused(Exception):  # noqa: N818 - a refusal is an answer, not a defect
    """The request was not taken; nothing of it was kept.

    Args:
        code: gRPC status.
        http: HTTP status.
        message: what was wrong and what to do, for whoever runs the sender.
        retry_after: seconds after which trying again makes sense; None where it never does.
    """

    def __init__(self, code: Code, http: int, message: str, retry_after: float | None = None) -> None:
        super().__init__(message)
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
    )


def busy(reason: str, retry_after: float) -> Refused:
    """503 and UNAVAILABLE with the time to wait: the sender keeps the data and tries again."""
    return Refused(Code.UNAVAILABLE, 503, reason, retry_after)

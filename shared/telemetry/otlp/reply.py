"""What a receiver's answer means, read without protobuf.

Field numbers are those of `Export*ServiceResponse` (1 partial_success {1 rejected, 2 error_message}), the
same for the three signals, and of `google.rpc.Status` and `RetryInfo` in gRPC's status details.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outcome:
    """The end of one export.

    Attributes:
        ok: the receiver took the request.
        rejected: records that it took the request without (partial success).
        retryable: the same request may succeed later.
        retry_after: seconds that the receiver asked to wait; None when it did not.
        reason: one word to count a loss by: `refused`, `unreachable` or `error`.
        message: for people, without secrets.
    """

    ok: bool
    rejected: int = 0
    retryable: bool = False
    retry_after: float | None = None
    reason: str = ""
    message: str = ""


def fields(data: bytes) -> Iterator[tuple[int, int | bytes]]:
    """Number and value of each field of an encoded message: an int, or the bytes of a length-delimited one.

    Raises:
        ValueError: the bytes are no protobuf message.
    """
    position, end = 0, len(data)
    while position < end:
        tag, position = _varint(data, position)
        number, kind = tag >> 3, tag & 7
        if kind == 0:
            value, position = _varint(data, position)
            yield number, value
            continue
        if kind == 2:
            size, position = _varint(data, position)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise ValueError(f"wire type {kind} at byte {position}")
        if number == 0 or position + size > end:
            raise ValueError(f"field {number} of {size} bytes at byte {position} of {end}")
        yield number, data[position : position + size]
        position += size


def accepted(body: bytes) -> Outcome:
    """The outcome of a request that the receiver took, with the records it left out.

    A body that cannot be read is still an acceptance: the status said so.
    """
    rejected, message = 0, ""
    try:
        for number, value in fields(body):
            if number != 1 or not isinstance(value, bytes):
                continue
            for inner, detail in fields(value):
                if inner == 1 and isinstance(detail, int):
                    rejected = detail if detail < 1 << 63 else 0
                elif inner == 2 and isinstance(detail, bytes):
                    message = detail.decode("utf-8", "replace")
    except ValueError:
        return Outcome(ok=True)
    return Outcome(ok=True, rejected=rejected, message=message)


def retry_delay(details: bytes) -> float | None:
    """Seconds of the `google.rpc.RetryInfo` inside an encoded `google.rpc.Status`; None without one."""
    try:
        for number, value in fields(details):
            if number != 3 or not isinstance(value, bytes):
                continue
            parts = dict(fields(value))
            kind, info = parts.get(1, b""), parts.get(2, b"")
            if not isinstance(kind, bytes) or not kind.endswith(b"/google.rpc.RetryInfo"):
                continue
            duration = dict(fields(info)).get(1, b"") if isinstance(info, bytes) else b""
            values = dict(fields(duration)) if isinstance(duration, bytes) else {}
            whole, nanos = values.get(1, 0), values.get(2, 0)
            if isinstance(whole, int) and isinstance(nanos, int) and whole < 1 << 62 and nanos < 1 << 62:
                return whole + nanos / 1e9
    except ValueError:
        return None
    return None


def status_message(body: bytes) -> str:
    """The message of an encoded `google.rpc.Status`, the body of an OTLP/HTTP error; empty without."""
    try:
        found = dict(fields(body)).get(2, b"")
    except ValueError:
        return ""
    return found.decode("utf-8", "replace") if isinstance(found, bytes) else ""


def _varint(data: bytes, position: int) -> tuple[int, int]:
    value = shift = 0
    while shift < 70:
        if position >= len(data):
            raise ValueError("a number ends too early")
        byte = data[position]
        position += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, position
        shift += 7
    raise ValueError("a number of more than ten bytes")

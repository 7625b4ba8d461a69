"""The body of an OTLP export request, put together from parts that are encoded already.

The three signals share their field numbers (opentelemetry/proto/*/v1): a request holds resources (1), a
resource its description (1) and scopes (2), a scope its description (1) and records (2).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum


class Signal(StrEnum):
    """What a request carries; the value is the word of endpoints and variables."""

    TRACES = "traces"
    METRICS = "metrics"
    LOGS = "logs"


def _length(size: int) -> bytes:
    if size < 0x80:
        return bytes((size,))
    out = bytearray()
    while size > 0x7F:
        out.append(size & 0x7F | 0x80)
        size >>= 7
    out.append(size)
    return bytes(out)


_LENGTHS = tuple(_length(size) for size in range(1024))


def assemble(resource: bytes, groups: Iterable[tuple[bytes, Sequence[bytes]]]) -> bytes:
    """One `Export{Trace,Metrics,Logs}ServiceRequest` for a single resource.

    Args:
        resource: what opens the message about it, from `spans.encode_resource`.
        groups: what opens the message of a scope, from `spans.encode_scope`, and its encoded spans, metrics
            or log records.

    Returns:
        The encoded request, to be sent as it is.
    """
    scopes: list[bytes] = []
    for scope, records in groups:
        parts = [scope]
        for record in records:
            size = len(record)
            parts.append(b"\x12")
            parts.append(_LENGTHS[size] if size < 1024 else _length(size))
            parts.append(record)
        body = b"".join(parts)
        scopes += (b"\x12", _length(len(body)), body)
    inner = b"".join((resource, *scopes))
    return b"".join((b"\x0a", _length(len(inner)), inner))

"""Whose a body is, told from its first bytes: the queue is shared out by service."""

from __future__ import annotations

# A `KeyValue` of a resource: key (field 1) "service.name", then value (field 2), an AnyValue.
_KEY = b"\x0a\x0cservice.name\x12"
# The resource comes before what it produced, and its attributes are few; whoever hides the name behind more
# than this shares with all who give none.
_LOOK_AT = 16 * 1024


def owner_of(body: bytes) -> bytes:
    """The `service.name` of the first resource in an OTLP request, empty when it is not where it usually is.

    It is read without parsing the request, and only ever compared: a wrong one costs fairness and nothing
    else.
    """
    at = body.find(_KEY, 0, _LOOK_AT)
    if at < 0:
        return b""
    at += len(_KEY)
    # Length of the AnyValue, its field 1 (string), length of the string; names of 128 bytes and more are cut.
    if len(body) < at + 3 or body[at] > 127 or body[at + 1] != 0x0A:
        return body[at : at + 128] if len(body) > at and body[at] > 127 else b""
    return body[at + 3 : at + 3 + body[at + 2]]

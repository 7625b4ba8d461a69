"""Parameters that several dialects read alike. Each error names the parameter, what it was and the remedy."""

from __future__ import annotations

import base64
import binascii
import re
from datetime import datetime
from typing import overload

from starlette.datastructures import QueryParams

from ..model.duration import parse_duration
from .errors import RequestError

_HEX = re.compile(r"[0-9a-fA-F]{1,32}")


def trace_id(text: str) -> bytes:
    """16 bytes of a trace id: up to 32 hexadecimal digits (leading zeros may lack), or base64."""
    if _HEX.fullmatch(text):
        return bytes.fromhex(text.rjust(32, "0"))
    if len(text) in (12, 22, 24):
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except binascii.Error:
            raw = b""
        if len(raw) in (8, 16):
            return raw.rjust(16, b"\0")
    raise RequestError(f"{text[:64]!r} is no trace id: it has up to 32 hexadecimal digits")


@overload
def integer(params: QueryParams, name: str, default: int, *, at_least: int = 0) -> int: ...
@overload
def integer(params: QueryParams, name: str, default: None, *, at_least: int = 0) -> int | None: ...
def integer(params: QueryParams, name: str, default: int | None, *, at_least: int = 0) -> int | None:
    """A whole number, or the default where the parameter is missing or empty."""
    text = params.get(name)
    if not text:
        return default
    try:
        value = int(text)
    except ValueError:
        raise RequestError(f"{name}={text[:64]!r} is no whole number") from None
    if value < at_least:
        raise RequestError(f"{name} must be at least {at_least}, not {value}")
    return value


def duration_ns(params: QueryParams, name: str) -> int:
    """Nanoseconds of a duration such as 1.2s; 0 where it is missing."""
    text = params.get(name)
    if not text:
        return 0
    try:
        return parse_duration(text)
    except ValueError as error:
        raise RequestError(f"{name}: {error}") from None


def rfc3339_ns(text: str, name: str) -> int:
    """Nanoseconds since the epoch of an RFC 3339 time, fractions of a second up to nanoseconds."""
    match = re.fullmatch(r"(.*?\d{2}:\d{2}:\d{2})(?:\.(\d{1,9}))?(Z|z|[+-]\d{2}:\d{2})", text.strip())
    try:
        if match is None:
            raise ValueError
        seconds, fraction, zone = match.groups()
        moment = datetime.fromisoformat(seconds + ("+00:00" if zone in "Zz" else zone))
    except ValueError:
        raise RequestError(f"{name}={text[:64]!r} is no time such as 2026-01-31T12:00:00Z") from None
    return int(moment.timestamp()) * 1_000_000_000 + int((fraction or "0").ljust(9, "0"))

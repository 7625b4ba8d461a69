"""Prometheus' parameters: from the query string and, for POST, from a form."""

from __future__ import annotations

import math
import re
import time
from datetime import datetime

from ...promql.parse import duration_ms
from ..errors import RequestError
from ..form import Form, form, required

__all__ = ["Form", "form", "instant", "label_name", "limit", "required", "step"]

# What Prometheus takes for the beginning and the end of time; Grafana sends numbers beyond both.
MIN_MS, MAX_MS = -(2**53), 2**53
_ESCAPED = re.compile(r"_(_|[0-9a-fA-F]+_)")


def instant(params: Form, name: str, default_ms: int | None = None) -> int:
    """A time in ms: seconds since the epoch, or RFC 3339; now by default."""
    text = params.get(name, "")
    if not text:
        return int(time.time() * 1000) if default_ms is None else default_ms
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = datetime.fromisoformat(text).timestamp()
        except (ValueError, OverflowError):
            seconds = math.nan
    if not math.isfinite(seconds):
        raise RequestError(f"cannot parse {text[:64]!r} of '{name}' to a time: use seconds or RFC 3339")
    return max(MIN_MS, min(MAX_MS, round(seconds * 1000)))


def step(params: Form) -> int:
    """The step in ms: seconds, or a duration such as `1m`."""
    text = required(params, "step")
    try:
        seconds = float(text)
    except ValueError:
        found = duration_ms(text)
        seconds = math.nan if found is None else found / 1000
    if not math.isfinite(seconds) or abs(seconds) * 1000 > MAX_MS:
        raise RequestError(f"cannot parse {text[:64]!r} of 'step' to a duration: use seconds, or 15s, 1m, 1h")
    return round(seconds * 1000)


def limit(params: Form) -> int | None:
    """How many items at most; None for all."""
    text = params.get("limit", "")
    if text and not text.isdigit():
        raise RequestError("'limit' must be a number, 0 or more")
    return int(text or 0) or None


def label_name(text: str) -> str:
    """A label's name in a path; `U__` marks one in which other characters are escaped."""
    if not text.startswith("U__"):
        return text

    def character(found: re.Match[str]) -> str:
        code = found[1].rstrip("_")
        return chr(int(code, 16)) if code else "_"

    try:
        return _ESCAPED.sub(character, text[3:])
    except (ValueError, OverflowError):
        raise RequestError(f"{text[:64]!r} is no escaped label name") from None

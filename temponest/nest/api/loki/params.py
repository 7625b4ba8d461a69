"""Loki's parameters: from the query string and, for POST, from a form."""

from __future__ import annotations

import math
import re
import time
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from ...model.duration import parse_duration
from ..errors import RequestError
from ..form import Form, form, required
from ..params import rfc3339_ns

__all__ = ["Form", "Window", "form", "grid_step", "instant", "limit", "newest_first", "required", "window"]

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
# As Loki: whole numbers of up to ten digits are seconds, longer ones nanoseconds.
_SECONDS_DIGITS = 10
_MAX_NS = 2**63 - 1
_DEFAULT_LIMIT = 100
# The default step gives about this many points.
_POINTS = 250


@dataclass(frozen=True, slots=True)
class Window:
    """From `start_ns` up to before `end_ns`."""

    start_ns: int
    end_ns: int


def instant(params: Form, name: str, default_ns: int) -> int:
    """A time in nanoseconds: a number of seconds or nanoseconds since the epoch, or RFC 3339."""
    text = params.get(name, "")
    if not text:
        return default_ns
    try:
        number = Decimal(text)
    except InvalidOperation:
        return rfc3339_ns(text, name)
    if not number.is_finite():
        raise RequestError(f"{name}={text[:64]!r} is no time")
    whole = re.fullmatch(r"-?\d+", text)
    seconds = not whole or len(text.lstrip("-")) <= _SECONDS_DIGITS
    return max(0, min(_MAX_NS, int(number * SECOND if seconds else number)))


def window(params: Form, default_ns: int = HOUR) -> Window:
    """`start` and `end`, or `since` before the end; up to now by default.

    Raises:
        RequestError: the end lies before the start.
    """
    end = instant(params, "end", time.time_ns())
    start = instant(params, "start", max(0, end - _duration(params, "since", default_ns)))
    if end < start:
        raise RequestError("'end' lies before 'start'")
    return Window(start, end)


def limit(params: Form) -> int:
    """How many lines at most."""
    text = params.get("limit", "")
    if not text:
        return _DEFAULT_LIMIT
    if not text.isdigit() or not int(text):
        raise RequestError("'limit' must be a number, 1 or more")
    return int(text)


def newest_first(params: Form) -> bool:
    """The direction: backward by default."""
    text = params.get("direction", "") or "backward"
    if text.lower() not in ("forward", "backward"):
        raise RequestError(f"direction={text[:64]!r} is neither forward nor backward")
    return text.lower() == "backward"


def grid_step(params: Form, wanted: Window) -> int:
    """The step in nanoseconds, whole seconds by default: enough for a graph."""
    if params.get("interval"):
        raise RequestError("the parameter 'interval' is not answered here; leave it out, or use limit")
    least = max(1, math.floor((wanted.end_ns - wanted.start_ns) / SECOND / _POINTS)) * SECOND
    return _duration(params, "step", least)


def _duration(params: Form, name: str, default_ns: int) -> int:
    """Nanoseconds of a duration such as `1m`, or of a number of seconds."""
    text = params.get(name, "")
    if not text:
        return default_ns
    try:
        seconds = float(text)
    except ValueError:
        try:
            return parse_duration(text)
        except ValueError as error:
            raise RequestError(f"{name}: {error}") from None
    if not math.isfinite(seconds) or not 0 <= seconds <= _MAX_NS / SECOND:
        raise RequestError(f"{name}={text[:64]!r} is no duration")
    return round(seconds * SECOND)

"""Durations in queries and parameters, such as `1h30m`."""

from __future__ import annotations

import re

# Every unit once with all digits it can need is shorter.
MAX_DURATION_CHARACTERS = 100

_UNIT = "ns|us|µs|μs|ms|s|m|h|d|w|y"
# Possessive repeats: a number gives no digit back, so hostile input costs linear time.
DURATION = re.compile(rf"(?:(?:\d++(?:\.\d*+)?|\.\d++)(?:{_UNIT}))++(?![\w.])")
_DURATION_PART = re.compile(rf"(\d+\.?\d*|\.\d+)({_UNIT})")

_UNIT_NS = {
    "ns": 1,
    "us": 1_000,
    "µs": 1_000,
    "μs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
    "d": 86_400_000_000_000,
    "w": 7 * 86_400_000_000_000,
    "y": 365 * 86_400_000_000_000,
}


def parse_duration(text: str) -> int:
    """Nanoseconds of a duration such as `1h30m` or `1.5s`, truncated.

    Raises:
        ValueError: when it is none.
    """
    if not DURATION.fullmatch(text):
        raise ValueError(f"{text!r} is no duration; write for example 15s or 1m30s")
    parts = _DURATION_PART.findall(text)
    return int(sum((int(n) if n.isdecimal() else float(n)) * _UNIT_NS[unit] for n, unit in parts))

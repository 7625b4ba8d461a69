"""What the environment says, read by the rules of the OpenTelemetry specification.

An empty variable is an unset one. A value that cannot be used is told once, in one warning that names
the variable and what is used instead, and never ends the program. Values are never put into a warning:
they may be secrets. (Specification: configuration/sdk-environment-variables.)
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

_log = logging.getLogger("shared.telemetry")
_told: set[str] = set()

SECONDS_SUSPECTED_BELOW_MS: Final = 100


def tell_once(message: str) -> None:
    """Log one warning; the same words are not logged again in this process."""
    if message not in _told:
        _told.add(message)
        _log.warning("telemetry: %s", message)


def text(name: str) -> str | None:
    """The variable's value without white space around it; None when unset or empty."""
    return os.environ.get(name, "").strip() or None


def boolean(name: str, default: bool) -> bool:
    """True for `true` in any case, False for `false`; anything else is told and counts as false."""
    value = text(name)
    if value is None:
        return default
    lower = value.lower()
    if lower not in {"true", "false"}:
        tell_once(f"{name} must be true or false; taking it as false")
    return lower == "true"


def integer(name: str, default: int, minimum: int = 0) -> int:
    """A whole number of at least `minimum`; the default when it is unset or no such number."""
    value = text(name)
    if value is None:
        return default
    try:
        number = int(value)
    except ValueError:
        number = minimum - 1
    if number < minimum:
        tell_once(f"{name} must be a whole number of at least {minimum}; using {default}")
        return default
    return number


def limit(name: str, default: int | None) -> int | None:
    """A limit of zero or more; the default (None: no limit) when it is unset or no such number."""
    number = integer(name, -1)
    return default if number < 0 else number


def seconds(name: str, default_ms: int) -> float:
    """A duration that the variable gives in milliseconds, in seconds."""
    return integer(name, default_ms) / 1000


def timeout(name: str, default_ms: int) -> float:
    """A time limit that the variable gives in milliseconds, in seconds.

    The stock Python exporter reads OTEL_EXPORTER_OTLP_TIMEOUT as seconds against the specification, so a
    value that makes sense only in seconds is taken as it stands and told with the unit.
    """
    number = integer(name, default_ms)
    if text(name) is not None and 0 < number < SECONDS_SUSPECTED_BELOW_MS:
        tell_once(
            f"{name} is in milliseconds: {number} means {number} ms; write {number * 1000} for {number} s"
        )
    return number / 1000


def choice(name: str, known: Collection[str], default: str) -> str:
    """One of the known words, in any case; the default when it is unset or unknown."""
    value = text(name)
    if value is None:
        return default
    lower = value.lower()
    if lower not in known:
        tell_once(f"{name} must be one of {', '.join(sorted(known))}; using {default}")
        return default
    return lower


def words(name: str, default: str) -> list[str]:
    """A comma-separated list without empty and repeated entries."""
    value = text(name) or default
    return list(dict.fromkeys(word for part in value.split(",") if (word := part.strip())))


def pairs(name: str) -> dict[str, str]:
    """`key=value,key=value` with URL-encoded values (W3C baggage without properties)."""
    found: dict[str, str] = {}
    for part in (text(name) or "").split(","):
        if not part.strip():
            continue
        key, equals, value = part.partition("=")
        if not equals or not key.strip():
            tell_once(f"{name} must be key=value pairs joined by commas; leaving out the part that is not")
            continue
        found[unquote(key.strip())] = unquote(value.strip())
    return found


def disabled() -> str | None:
    """The setting that switches telemetry off, as `NAME=value`; None when it is on.

    `OTEL_SDK_DISABLED=true` is the specification's switch, `TELEMETRY_ENABLED=false` the guide's.
    """
    if boolean("OTEL_SDK_DISABLED", False):
        return "OTEL_SDK_DISABLED=true"
    enabled = text("TELEMETRY_ENABLED")
    if enabled is not None and enabled.lower() in {"false", "0", "no", "off"}:
        return f"TELEMETRY_ENABLED={enabled}"
    return None


@dataclass(frozen=True)
class Batching:
    """How spans wait for their export (`OTEL_BSP_*`).

    Attributes:
        delay: seconds between two exports when fewer than `size` spans wait.
        timeout: seconds that one export may take, all attempts together.
        capacity: spans that may wait; more are dropped and counted.
        capacity_bytes: encoded bytes that may wait (`TEMPONEST_BSP_MAX_QUEUE_BYTES`).
        size: spans that start an export, and the most that one request carries.
    """

    delay: float = 5.0
    timeout: float = 30.0
    capacity: int = 2048
    capacity_bytes: int = 4 * 1024 * 1024
    size: int = 512

    @classmethod
    def from_environment(cls) -> Batching:
        """Read `OTEL_BSP_*`; a batch larger than the queue is told and becomes as large as the queue."""
        capacity = integer("OTEL_BSP_MAX_QUEUE_SIZE", cls.capacity, 1)
        size = integer("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", min(cls.size, capacity), 1)
        if size > capacity:
            tell_once(
                f"OTEL_BSP_MAX_EXPORT_BATCH_SIZE must not exceed the queue's {capacity}; using {capacity}"
            )
            size = capacity
        return cls(
            delay=seconds("OTEL_BSP_SCHEDULE_DELAY", 5000),
            timeout=timeout("OTEL_BSP_EXPORT_TIMEOUT", 30000),
            capacity=capacity,
            capacity_bytes=integer("TEMPONEST_BSP_MAX_QUEUE_BYTES", cls.capacity_bytes, 1),
            size=size,
        )

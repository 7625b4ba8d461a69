"""Whether this machine and the receiver agree on the time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Final

import httpx

from shared.telemetry.otlp.request import Signal
from temponest.doctor.finding import Finding, error, warning
from temponest.doctor.subject import Subject

NOTICEABLE: Final = 10.0  # seconds; spans of two services no longer nest
LOST: Final = 300.0  # seconds; what was just sent is outside of what searches look at
TIMEOUT: Final = 1.5  # seconds for one answer


def check(subject: Subject) -> Iterator[Finding]:
    """Compare with the `Date` header of the receiver, or of the API that reads from it (RFC 9110, 6.6.1)."""
    target = subject.target(Signal.TRACES)
    receiver = [] if target.protocol == "grpc" else [str(target)]
    for address in (*receiver, subject.api(Signal.TRACES), subject.api(Signal.METRICS)):
        skew = _skew(address)
        if skew is None:
            continue
        if abs(skew) >= NOTICEABLE:
            say = error if abs(skew) >= LOST else warning
            direction = "ahead of" if skew > 0 else "behind"
            yield say(
                f"this clock is {abs(skew):.0f} s {direction} the one at {address}",
                "spans appear at the wrong time, where nobody looks for them",
                "turn on time synchronisation: timedatectl set-ntp true",
            )
        return


def _skew(address: str) -> float | None:
    """Seconds by which this clock is ahead; None when the server says no time."""
    before = time.time()
    try:
        # A proxy would answer with its own time.
        answer = httpx.get(address, timeout=TIMEOUT, trust_env=False)
    except (httpx.HTTPError, httpx.InvalidURL):
        return None
    middle = (before + time.time()) / 2
    try:
        # The header is cut to whole seconds: half a second more is the best guess.
        there = parsedate_to_datetime(answer.headers["date"]).timestamp() + 0.5
    except (KeyError, ValueError):
        return None
    return middle - there

"""Waiting for what happens in another process."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event
from typing import TypeVar

T = TypeVar("T")

_pause = Event()


def until(look: Callable[[], T | None], what: str, seconds: float = 20.0) -> T:
    """What `look` returns once that is something; fails after `seconds`, saying that `what` never came."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"{what} did not come within {seconds:.0f} s"
        _pause.wait(0.05)
    return found

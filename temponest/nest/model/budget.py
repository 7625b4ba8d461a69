"""How long a question may take, and whether anybody still waits for the answer."""

from __future__ import annotations

import time
from collections.abc import Callable

DEFAULT_SECONDS = 30.0


class Budget:
    """The limits of one question, counted from now.

    Args:
        seconds: time until the question is stopped.
        abandoned: asked between batches; True when the client has left.
    """

    def __init__(
        self, seconds: float = DEFAULT_SECONDS, abandoned: Callable[[], bool] = lambda: False
    ) -> None:
        self._deadline = time.monotonic() + seconds
        self._abandoned = abandoned

    def spent(self) -> bool:
        """Whether the time is over."""
        return time.monotonic() >= self._deadline

    def cancelled(self) -> bool:
        """What a store polls: time over, or client gone."""
        return self._abandoned() or self.spent()

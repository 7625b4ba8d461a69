"""A reader that collects when it is asked to, as tests do."""

from __future__ import annotations

from .provider import Collect
from .views import Preferences


class ManualReader:
    """Collects when `collect(timeout in seconds)` is called.

    Args:
        preferences: temporality and aggregation; those of the specification without.
    """

    def __init__(self, preferences: Preferences | None = None) -> None:
        self.preferences = preferences or Preferences()
        self.collect: Collect = lambda _: []

    def attach(self, collect: Collect) -> None:
        """Take what collects, from the provider."""
        self.collect = collect

    def flush(self, deadline: float) -> bool:
        """Say that all is well: there is nowhere to send."""
        del deadline
        return True

    def close(self, deadline: float) -> None:
        """Do nothing: what was collected is the caller's."""
        del deadline

    def restart(self) -> None:
        """Do nothing: a forked child has nobody who collects."""

"""Room in the queue of bodies that wait to be decoded, shared out by service."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterable

from .errors import Full
from .owner import owner_of

# This part is for whoever comes; the rest takes a body only from a service of which nothing waits. So whoever
# sends most is refused first, and a quiet service is not refused for another's sake.
_COMMON = 0.75


class Room:
    """Bytes that are admitted and not given back yet.

    Args:
        total: bytes there are.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._changed = threading.Condition()
        self._taken = 0
        self._by_owner: Counter[bytes] = Counter()

    @property
    def taken(self) -> int:
        """Bytes that are taken."""
        return self._taken

    def take(self, body: bytes, patience: float = 0.0, most: int | None = None) -> None:
        """Take room for a body; one that is larger than all there is gets it when it is alone.

        Args:
            body: what is to wait.
            patience: seconds to wait for room; a body that is refused comes again and costs twice.
            most: bytes that may be taken with this body, where that is to be less than usual; for it the body
                waits, but is not refused.

        Raises:
            Full: there is none; or what is left is for services of which nothing waits.
        """
        owner, size = owner_of(body), len(body)
        with self._changed:
            if most is not None:
                self._changed.wait_for(lambda: not self._taken or self._taken + size <= most, patience)
            self._changed.wait_for(lambda: self._lack(owner, size) is None, patience)
            lack = self._lack(owner, size)
            if lack is not None:
                raise lack
            self._taken += size
            self._by_owner[owner] += size

    def give(self, bodies: Iterable[bytes]) -> None:
        """Give back the room of bodies that were admitted."""
        with self._changed:
            for body in bodies:
                owner = owner_of(body)
                self._taken -= len(body)
                self._by_owner[owner] -= len(body)
                if not self._by_owner[owner]:
                    del self._by_owner[owner]
            self._changed.notify_all()

    def _lack(self, owner: bytes, size: int) -> Full | None:
        after = self._taken + size
        if self._taken and after > self._total:
            return Full("too much is waiting to be decoded")
        if after > self._total * _COMMON and self._by_owner[owner]:
            return Full("this service sends more than can be decoded", cause="share")
        return None

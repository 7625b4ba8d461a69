"""How many messages of gRPC arrive at once: it holds each three times before anybody could count it."""

from __future__ import annotations

import threading
import time

# As many as the memory allows, were each as large as a message may be.
AT_ONCE = 3

# A message from this machine is there in a tenth of that. Whoever takes longer holds little of it yet, or has
# left without a word, and is not to keep others out.
SECONDS = 2.0


class Arriving:
    """Lets so many threads in at once, each by `with`; those that have been in for long do not count."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._since: dict[int, float] = {}

    def __enter__(self) -> None:
        with self._changed:
            while True:
                now = time.monotonic()
                left = [since + SECONDS - now for since in self._since.values()]
                counted = [seconds for seconds in left if seconds > 0]
                if len(counted) < AT_ONCE:
                    break
                self._changed.wait(min(counted))
            self._since[threading.get_ident()] = now

    def __exit__(self, *_: object) -> None:
        with self._changed:
            del self._since[threading.get_ident()]
            self._changed.notify()

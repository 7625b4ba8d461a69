"""What both transports do with a request: bound it, check it, keep it, and only then acknowledge it."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Self

from ..model.signal import Signal
from ..store.errors import Closed, Full
from ..store.store import Store
from . import decode
from .errors import Refused, busy
from .partial import Partial

# The OTLP specification recommends this limit after decompression.
MAX_BODY = 64 * 1024 * 1024


@dataclass(slots=True)
class Counts:
    """Requests since the start."""

    accepted: int = 0
    refused: int = 0
    last_refusal: str = ""
    last_refused_at: float = 0.0  # seconds since the epoch


class Claim:
    """Bytes of one request, as it was received and as it was inflated, counted as in flight."""

    __slots__ = ("_receiver", "_size")

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._receiver.release(self._size)

    def grow(self, size: int) -> None:
        """Count `size` more bytes.

        Raises:
            Refused: too much is in flight already.
        """
        self._receiver.reserve(size)
        self._size += size


class Receiver:
    """The one way into the store.

    Args:
        store: takes what passes.
        max_body: bytes of one request after decompression.
        in_flight: bytes of all requests that are neither kept nor refused yet.
    """

    def __init__(self, store: Store, *, max_body: int = MAX_BODY, in_flight: int = 2 * MAX_BODY) -> None:
        self.max_body = max_body
        self.counts = Counts()
        self._store = store
        self._in_flight = in_flight
        self._guard = threading.Lock()
        self._held = 0

    def reserve(self, size: int) -> None:
        """Count `size` bytes as in flight; every `reserve` is followed by one `release`.

        Raises:
            Refused: too much is in flight already.
        """
        with self._guard:
            if self._held + size > self._in_flight:
                raise busy("too many requests at once; try again", 1.0)
            self._held += size

    def release(self, size: int) -> None:
        """Give back what was reserved."""
        with self._guard:
            self._held -= size

    def claim(self) -> Claim:
        """What one request holds of the bytes in flight, given back at the end of a `with` block."""
        return Claim(self)

    def accept(
        self, signal: Signal, body: bytes, *, json: bool = False
    ) -> tuple[Future[None], Partial | None]:
        """Check one decompressed request and hand it to the store.

        Args:
            signal: what it holds.
            body: in protobuf, or in JSON.
            json: which of the two.

        Returns:
            A future that is done once the request is durable, the moment to acknowledge it; or that has the
            `Full` or `Closed` for which it was not kept. With it what to say of records that were left out.

        Raises:
            Refused: it cannot be decoded, or the store takes nothing now.
        """
        kept, partial = decode.from_json(signal, body) if json else decode.check(signal, body)
        try:
            return self._store.append(signal, kept), partial
        except (Full, Closed) as error:
            raise refusal(error) from None

    def count(self, refused: Refused | None) -> None:
        """Note how a request ended."""
        with self._guard:
            if refused is None:
                self.counts.accepted += 1
            else:
                self.counts.refused += 1
                self.counts.last_refusal = refused.message
                self.counts.last_refused_at = time.time()


def refusal(error: Full | Closed) -> Refused:
    """What to answer when the store did not keep a request."""
    if isinstance(error, Full):
        return busy(f"{error}; try again", error.retry_after)
    return busy("the nest is stopping; try again", 1.0)

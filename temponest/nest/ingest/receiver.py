"""What both transports do with a request: bound it, check it, keep it, and only then acknowledge it."""

from __future__ import annotations

import hmac
import threading
import time
from collections import Counter
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Self

from ..model.signal import Signal
from ..store.errors import Closed, Full
from ..store.limits import MIB
from ..store.store import Store
from . import decode
from .errors import Refused, busy, not_allowed, too_much
from .partial import Partial
from .split import split

# The OTLP specification recommends this limit after decompression.
MAX_BODY = 64 * MIB

# A larger request is checked and kept in parts of this size. What a part becomes while it is checked can be
# fifty times as large, where somebody sends millions of empty records.
PART_BYTES = MIB

# Parts after the first wait for room in the queue, which empties by megabytes a second; a sender's own time
# for a request is ten seconds in most SDKs.
_PART_PATIENCE = 10.0
_PART_PAUSE = 0.02

# A request waits so long for room in the queue before it is refused, if few do already. A refused one is sent
# again and costs twice; but threads that wait are none that could take the request of a quiet service.
_PATIENCE = 1.0
_PATIENT = 4

# Bytes of requests that are received or inflated and neither kept nor refused yet.
IN_FLIGHT = 32 * MIB


@dataclass(slots=True)
class Counts:
    """Requests since the start."""

    accepted: int = 0
    refused: int = 0
    by_cause: Counter[str] = field(default_factory=Counter)
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
        self._receiver.reserve(size, self._size)
        self._size += size


class Receiver:
    """The one way into the store.

    Args:
        store: takes what passes.
        max_body: bytes of one request after decompression.
        in_flight: bytes of all requests that are neither kept nor refused yet; a larger one is taken alone.
        token: what every sender must show; None asks for none.
    """

    def __init__(
        self,
        store: Store,
        *,
        max_body: int = MAX_BODY,
        in_flight: int = IN_FLIGHT,
        token: str | None = None,
    ) -> None:
        self.max_body = max_body
        self.counts = Counts()
        self._store = store
        self._in_flight = in_flight
        self._token = token and f"Bearer {token}".encode()
        self._guard = threading.Lock()
        self._held = 0
        self._patient = threading.Semaphore(_PATIENT)

    def authorize(self, authorization: bytes) -> None:
        """Look at the `authorization` of a request, before anything of its body is read.

        Raises:
            Refused: it does not have the token.
        """
        if self._token and not hmac.compare_digest(authorization, self._token):
            raise not_allowed()

    def reserve(self, size: int, own: int = 0) -> None:
        """Count `size` bytes as in flight; every `reserve` is followed by one `release`.

        Args:
            size: bytes.
            own: what the same request has reserved before.

        Raises:
            Refused: too much of others is in flight.
        """
        with self._guard:
            if self._held > own and self._held + size > self._in_flight:
                raise too_much("too many large requests at once; try again", 1.0, "memory")
            self._held += size

    def release(self, size: int) -> None:
        """Give back what was reserved."""
        with self._guard:
            self._held -= size

    def claim(self) -> Claim:
        """What one request holds of the bytes in flight, given back at the end of a `with` block."""
        return Claim(self)

    def accept(
        self, signal: Signal, body: bytes | bytearray, *, json: bool = False
    ) -> tuple[Future[None], Partial | None]:
        """Check one decompressed request and hand it to the store; a large one takes as long as its parts do.

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
        partial = None
        if json:
            body, partial = decode.from_json(signal, bytes(body))
        elif len(body) <= PART_BYTES:
            body, partial = decode.check(signal, bytes(body))
        try:
            if len(body) <= PART_BYTES:
                return self._append(signal, bytes(body)), partial
            # Twice through the parts rather than holding all: nothing is kept of a request with a bad part.
            told = [decode.check(signal, part)[1] for part in split(body, PART_BYTES)]
            parts = (decode.check(signal, part)[0] for part in split(body, PART_BYTES))
            return self._append_all(signal, parts), partial or Partial.together(told)
        except (Full, Closed) as error:
            raise refusal(error) from None

    def _append(self, signal: Signal, body: bytes) -> Future[None]:
        patient = self._patient.acquire(blocking=False)
        try:
            return self._store.append(signal, body, _PATIENCE if patient else 0.0)
        finally:
            if patient:
                self._patient.release()

    def _append_all(self, signal: Signal, parts: Iterable[bytes]) -> Future[None]:
        """The future of the last part; the log keeps order, so whatever is before it is durable by then."""
        deadline = time.monotonic() + _PART_PATIENCE
        futures: list[Future[None]] = []
        for part in parts:
            while True:
                try:
                    futures.append(self._store.append(signal, part))
                    break
                except Full:
                    # Nothing waits for a request that is refused at once.
                    if not futures or time.monotonic() > deadline:
                        raise
                    time.sleep(_PART_PAUSE)
        for future in futures[:-1]:
            future.result()
        return futures[-1]

    def count(self, refused: Refused | None) -> None:
        """Note how a request ended."""
        with self._guard:
            if refused is None:
                self.counts.accepted += 1
            else:
                self.counts.refused += 1
                self.counts.by_cause[refused.cause] += 1
                self.counts.last_refusal = refused.message
                self.counts.last_refused_at = time.time()


def refusal(error: Full | Closed) -> Refused:
    """What to answer when the store did not keep a request."""
    if isinstance(error, Closed):
        return busy("the nest is stopping; try again", 1.0, "stopping")
    answer = too_much if error.cause == "share" else busy
    return answer(f"{error}; try again", error.retry_after, error.cause)

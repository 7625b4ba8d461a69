"""What both transports do with a request: bound it, check it, keep it, and only then acknowledge it."""

from __future__ import annotations

import hmac
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
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
from .spool import Spool

# The OTLP specification recommends this limit after decompression.
MAX_BODY = 64 * MIB

# A larger request is checked and kept in parts of this size. What a part becomes while it is checked can be
# fifty times as large, where somebody sends millions of empty records.
PART_BYTES = MIB

# The same of JSON, which takes nine times its text while it is read.
JSON_PART_BYTES = PART_BYTES // 2

# Parts after the first wait for room in the queue, which empties by megabytes a second; a sender's own time
# for a request is ten seconds in most SDKs.
_PART_PATIENCE = 10.0

# A request waits so long for room in the queue before it is refused, if few do already. A refused one is sent
# again and costs twice; but threads that wait are none that could take the request of a quiet service.
_PATIENCE = 1.0
_PATIENT = 4

# Checking takes the interpreter for two nanoseconds a byte, in one piece. A question that is under way goes
# first: for so many seconds a byte, as small requests come by the hundred, and never for longer than this.
_GIVE_WAY_A_BYTE = 50e-9
_GIVE_WAY = 0.02

# Bytes of requests that are received or inflated and neither kept nor refused yet.
IN_FLIGHT = 24 * MIB

# A request that holds more than this part of them is large. One is taken at a time, and does not count: it
# keeps nobody else out, and nobody else has it refused.
_LARGE = 1 / 3

# A part of a large request waits on disk until no more than this is in the queue, so that batches stay small
# and others find room.
_PARTS_WAITING = 2 * MIB


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

    __slots__ = ("_receiver", "size")

    def __init__(self, receiver: Receiver) -> None:
        self._receiver = receiver
        self.size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._receiver.release(self)

    def grow(self, size: int) -> None:
        """Count `size` more bytes.

        Raises:
            Refused: too much is in flight already.
        """
        self._receiver.reserve(self, size)


class Receiver:
    """The one way into the store.

    Args:
        store: takes what passes.
        max_body: bytes of one request after decompression.
        in_flight: bytes of all requests that are neither kept nor refused yet; of large ones there is one at
            a time besides.
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
        self._large: Claim | None = None
        self._patient = threading.Semaphore(_PATIENT)

    def authorize(self, authorization: bytes) -> None:
        """Look at the `authorization` of a request, before anything of its body is read.

        Raises:
            Refused: it does not have the token.
        """
        if self._token and not hmac.compare_digest(authorization, self._token):
            raise not_allowed()

    def reserve(self, claim: Claim, size: int) -> None:
        """Count `size` more bytes of a request as in flight; see `Claim`.

        Raises:
            Refused: too much of others is in flight, or another large request.
        """
        with self._guard:
            after = claim.size + size
            if self._large is not claim:
                if after > self._in_flight * _LARGE:
                    if self._large is not None:
                        raise too_much("another large request is being taken; try again", 1.0, "memory")
                    self._large = claim
                    self._held -= claim.size
                elif self._held + size > self._in_flight:
                    raise too_much("too many requests at once; try again", 1.0, "memory")
                else:
                    self._held += size
            claim.size = after

    def release(self, claim: Claim) -> None:
        """Give back what was reserved."""
        with self._guard:
            if self._large is claim:
                self._large = None
            else:
                self._held -= claim.size

    def claim(self) -> Claim:
        """What one request holds of the bytes in flight, given back at the end of a `with` block."""
        return Claim(self)

    def accept(
        self, signal: Signal, body: bytes | bytearray, *, json_in: Claim | None = None
    ) -> tuple[Future[None], Partial | None]:
        """Check one decompressed request and hand it to the store; a large one takes as long as its parts do.

        Args:
            signal: what it holds.
            body: in protobuf, or in JSON; emptied, for the caller holds it to the end.
            json_in: it is JSON, and what reading it takes is counted in this claim.

        Returns:
            A future that is done once the request is durable, the moment to acknowledge it; or that has the
            `Full` or `Closed` for which it was not kept. With it what to say of records that were left out.

        Raises:
            Refused: it cannot be decoded, or the store takes nothing now.
        """
        limit = PART_BYTES if json_in is None else JSON_PART_BYTES
        parts = self._checked(signal, body, limit, json_in)
        try:
            if len(body) <= limit:
                ((good, partial),) = parts
                return self._append(signal, good), partial
            # Nothing is kept of a request with a bad part.
            with Spool(self._store.folder) as spool:
                told = []
                for good, partial in parts:
                    spool.add(good)
                    told.append(partial)
                _empty(body)
                return self._append_all(signal, spool), Partial.together(told)
        except (Full, Closed) as error:
            raise refusal(error) from None
        finally:
            # A refusal's traceback would keep it, too, for as long as somebody looks at it.
            _empty(body)

    def _checked(
        self, signal: Signal, body: bytes | bytearray, limit: int, json_in: Claim | None
    ) -> Iterator[tuple[bytes, Partial | None]]:
        """One part of a small request, several of a large one."""
        self._give_way(len(body))
        if json_in is not None:
            for part in decode.from_json(signal, body, limit, json_in.grow):
                yield part
                self._give_way(limit)
        elif len(body) <= limit:
            yield decode.check(signal, bytes(body))
        else:
            for plain in split(body, limit):
                yield decode.check(signal, plain)

    def _give_way(self, size: int) -> None:
        self._store.precedence.wait(min(_GIVE_WAY, size * _GIVE_WAY_A_BYTE))

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
            # What came before it may be in the queue still.
            patience = max(0.0, deadline - time.monotonic()) if futures else _PATIENCE
            futures.append(self._store.append(signal, part, patience, _PARTS_WAITING))
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


def _empty(body: bytes | bytearray) -> None:
    if isinstance(body, bytearray):
        body.clear()


def refusal(error: Full | Closed) -> Refused:
    """What to answer when the store did not keep a request."""
    if isinstance(error, Closed):
        return busy("the nest is stopping; try again", 1.0, "stopping")
    answer = too_much if error.cause == "share" else busy
    return answer(f"{error}; try again", error.retry_after, error.cause)

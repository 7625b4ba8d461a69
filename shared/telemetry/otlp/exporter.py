"""Sends requests to one receiver: attempts, waiting between them, and the two log lines of an outage."""

from __future__ import annotations

import logging
import os
import random
import socket
import ssl
import threading
import time
from collections.abc import Callable
from typing import Final, Protocol, TypeAlias

from ..version import VERSION
from .reply import Outcome
from .request import Signal
from .retry import delay
from .target import Target

USER_AGENT: Final = f"TempoNest/{VERSION} OTel-OTLP-Exporter-Python/{VERSION}"

Observe: TypeAlias = Callable[[Target, Signal, int, float, Outcome], None]

observe: Observe | None = None
"""Set where metrics are on: told target, signal, bytes, seconds and outcome of every export."""

_log = logging.getLogger("shared.telemetry")


class Transport(Protocol):
    """One connection to a receiver, made when it is first needed."""

    def send(self, body: bytes, deadline: float) -> Outcome:
        """Send one request and read the answer by the deadline (`time.monotonic()`).

        Raises:
            OSError: the receiver cannot be reached or does not speak the protocol.
        """
        ...

    def close(self) -> None:
        """Close the connection; the next send makes a new one."""
        ...


class Exporter:
    """Delivers encoded requests of one signal, with retries, to its target."""

    def __init__(self, target: Target, transport: Callable[[Target], Transport]) -> None:
        """Nothing is connected before the first export.

        Args:
            target: where to send.
            transport: makes the transport; called at the first export, and again in a forked child.
        """
        self.target = target
        # Set by a queue, which keeps what failed and knows what was lost; without one a failed request is.
        self.lost: Callable[[], int] | None = None
        self._make = transport
        self.reset()

    def reset(self) -> None:
        """Forget the connection, the locks and the state of a parent process."""
        self._transport: Transport | None = None
        self._turn = threading.Lock()
        self._hurried = threading.Event()
        self._last_moment: float | None = None
        self._failures = 0
        self._not_before = 0.0
        self._wished = False
        self._down = False
        self._lost_before = 0
        self._failed_requests = 0

    def export(self, signal: Signal, body: bytes, deadline: float) -> Outcome:
        """Send one request, again and again while that may help and time is left.

        Args:
            signal: what the body is.
            body: the encoded request.
            deadline: `time.monotonic()` value that ends the last attempt.

        Returns:
            The last attempt's outcome; a retryable one means that the deadline came first.
        """
        began = time.monotonic()
        outcome = self._deliver(signal, body, deadline)
        if not outcome.ok:
            self._failed_requests += 1
        if observe is not None:
            observe(self.target, signal, len(body), time.monotonic() - began, outcome)
        return outcome

    def _deliver(self, signal: Signal, body: bytes, deadline: float) -> Outcome:
        if not self._turn.acquire(timeout=max(0.0, deadline - time.monotonic())):
            return Outcome(
                ok=False, retryable=True, reason="unreachable", message="another export takes too long"
            )
        try:
            while True:
                if not self._wait(deadline):
                    return Outcome(
                        ok=False, retryable=True, reason="unreachable", message="waiting to try again"
                    )
                outcome = self._attempt(body, deadline)
                self._judge(signal, outcome)
                if not outcome.retryable:
                    return outcome
        finally:
            self._turn.release()

    def hurry(self, deadline: float | None) -> None:
        """Let no attempt last beyond the deadline, and wait for nothing but what the receiver asked for.

        Args:
            deadline: `time.monotonic()` value; None ends the hurry.
        """
        self._last_moment = deadline
        if deadline is None:
            self._hurried.clear()
        else:
            self._not_before = self._not_before if self._wished else 0.0
            self._hurried.set()

    def close(self) -> None:
        """Close the connection."""
        transport, self._transport = self._transport, None
        if transport is not None:
            transport.close()

    def _limit(self, deadline: float) -> float:
        return deadline if self._last_moment is None else min(deadline, self._last_moment)

    def _wait(self, deadline: float) -> bool:
        """Wait until the next attempt is due; False when that is after the deadline."""
        while (pause := self._not_before - time.monotonic()) > 0:
            if self._not_before >= self._limit(deadline) or (self._hurried.is_set() and not self._wished):
                return False
            if self._hurried.is_set():
                time.sleep(pause)
            else:
                self._hurried.wait(pause)
        return time.monotonic() < self._limit(deadline)

    def _attempt(self, body: bytes, deadline: float) -> Outcome:
        limit = min(self._limit(deadline), time.monotonic() + self.target.timeout)
        try:
            if self._transport is None:
                self._transport = self._make(self.target)
            return self._transport.send(body, limit)
        except OSError as error:
            self.close()
            return Outcome(
                ok=False, retryable=True, reason="unreachable", message=describe(error, self.target)
            )
        except Exception:
            self.close()
            raise

    def _judge(self, signal: Signal, outcome: Outcome) -> None:
        if outcome.ok:
            if self._down:
                self._back(signal)
            self._failures = 0
            self._not_before = 0.0
            if outcome.rejected or outcome.message:
                self._tell(
                    f"{self.target} took {signal} but for {outcome.rejected} records: {outcome.message}"
                )
            return
        if outcome.retryable:
            self._failures += 1
            self._wished = outcome.retry_after is not None
            pause = delay(self._failures, outcome.retry_after, random.random())  # noqa: S311 - jitter is no secret
            self._not_before = time.monotonic() + pause
        if not self._down and (self._failures >= 2 or not outcome.retryable):
            self._down = True
            self._lost_before = self._lost()
            self._tell(f"{signal} do not reach {self.target}: {outcome.message}")

    def _lost(self) -> int:
        return self.lost() if self.lost is not None else self._failed_requests

    def _back(self, signal: Signal) -> None:
        self._down = False
        lost = self._lost() - self._lost_before
        unit = "records" if self.lost is not None else "requests"
        self._tell(f"{signal} reach {self.target} again; {lost} {unit} were lost meanwhile")

    def _tell(self, message: str) -> None:
        _log.warning("telemetry: %s", message)


def describe(error: OSError, target: Target) -> str:
    """What an error of the network means and what to do about it, in one line without secrets."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted ({error.verify_message}); set OTEL_EXPORTER_OTLP_CERTIFICATE"
    if isinstance(error, ssl.SSLError):
        return f"TLS failed ({error.reason or type(error).__name__}); is it https?"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return f"the name {target.host} is unknown; set OTEL_EXPORTER_OTLP_ENDPOINT"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there; is the collector or nest running?"
    return os.strerror(error.errno) if error.errno else str(error) or type(error).__name__

"""Requests that are made and compressed beforehand, over several connections of OTLP/gRPC at once.

The sender costs the receiver next to nothing then: what it shares with it is two cores.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import count

from shared.telemetry.otlp.compress import gzip
from shared.telemetry.otlp.grpc import GrpcTransport
from shared.telemetry.otlp.reply import Outcome
from shared.telemetry.otlp.target import Target

PATH = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
LOGS = "/opentelemetry.proto.collector.logs.v1.LogsService/Export"
CONNECTIONS = 4
TIMEOUT = 30.0
# A refused request is sent again after this many seconds at most, whatever the receiver asks for: a sender
# that waits longer would measure its own patience.
PAUSE = 0.02


def framed(body: bytes, *, compress: bool) -> bytes:
    """A gRPC message as it goes over the wire."""
    content = gzip(body) if compress else body
    return (b"\1" if compress else b"\0") + len(content).to_bytes(4, "big") + content


class Connection(GrpcTransport):
    """A connection that sends messages framed before."""

    def __init__(self, port: int, *, compress: bool = False, path: str = PATH) -> None:
        super().__init__(Target("grpc", "127.0.0.1", port, path, gzip=compress))

    def send_framed(self, message: bytes) -> Outcome:
        """Send one; its outcome."""
        return self._exchange(message, time.monotonic() + TIMEOUT)

    def send_until_taken(self, message: bytes) -> int:
        """Send one again until it is acknowledged; how often it was refused.

        Raises:
            RuntimeError: the receiver says that trying again is in vain.
        """
        refused = 0
        while not (outcome := self.send_framed(message)).ok:
            if not outcome.retryable:
                raise RuntimeError(outcome.message)
            refused += 1
            time.sleep(min(PAUSE, outcome.retry_after or PAUSE))
        return refused


@dataclass
class Sent:
    """How a load was taken.

    Attributes:
        seconds: from the first request to the last acknowledgement.
        refused: refusals, each followed by another attempt.
    """

    seconds: float = 0.0
    refused: int = 0


def paced(rate: float) -> Iterator[int]:
    """Numbers from 0 on, so many a second; 0 gives them as fast as they are taken."""
    begin = time.perf_counter()
    for number in count():
        if rate and (early := number / rate - (time.perf_counter() - begin)) > 0:
            time.sleep(early)
        yield number


def send(port: int, messages: Iterable[bytes], *, compress: bool, path: str = PATH) -> Sent:
    """Send framed messages until all are acknowledged; `messages` is asked by one connection at a time."""
    sent, guard, waiting = Sent(), threading.Lock(), iter(messages)
    failures: list[BaseException] = []

    def work() -> None:
        connection = Connection(port, compress=compress, path=path)
        try:
            while not failures:
                with guard:
                    message = next(waiting, None)
                if message is None:
                    return
                refused = connection.send_until_taken(message)
                with guard:
                    sent.refused += refused
        except BaseException as error:  # noqa: BLE001 - raised again below, on the thread that asked
            failures.append(error)
        finally:
            connection.close()

    begin = time.perf_counter()
    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sent.seconds = time.perf_counter() - begin
    if failures:
        raise failures[0]
    return sent

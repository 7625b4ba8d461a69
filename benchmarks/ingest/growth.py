"""A receiver filled to a size: what it took, what it holds, and how fast it answers, also while ingesting."""

from __future__ import annotations

import random
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path

from .ask import REPEATS, SEARCHES, by_id, found_after, newest, percentiles, timed, took
from .load import Load
from .receivers import Receiver
from .send import Connection, framed, send

SETTLE_SECONDS = 10.0
# Tempo answers for what is half a minute old; more than this is called never.
_FOUND_WITHIN = 60.0
# Questions while spans come in: this many seconds, or until the load is sent.
_MEANWHILE_SECONDS = 60.0


@dataclass
class Result:
    """What one receiver did at one size; times in milliseconds as median and 95th percentile."""

    receiver: str
    spans: int
    acknowledged_per_second: float = 0.0
    refused: int = 0
    cpu_us_per_span: float = 0.0
    peak_mb: float = 0.0
    bytes_per_span: float = 0.0
    found_within_s: float = 0.0
    by_id_ms: tuple[float, float] = (0.0, 0.0)
    search_ms: dict[str, tuple[float, float]] = field(default_factory=dict)
    meanwhile_ms: dict[str, tuple[float, float]] = field(default_factory=dict)
    stop_s: float = 0.0
    ready_s: float = 0.0


def measure(name: str, spans: int, *, compress: bool = False) -> Result:
    """Fill a receiver with that many spans and ask it everything."""
    load = Load(variety=64)
    result = Result(name, spans)
    with tempfile.TemporaryDirectory(prefix="ingest-") as folder:
        receiver = Receiver(name, Path(folder) / "data")
        receiver.start()
        try:
            known = _fill(receiver, load, result, compress)
            result.found_within_s = _found_within(receiver, load)
            result.by_id_ms = timed([by_id(one) for one in known], receiver.get)
            for label, query in SEARCHES.items():
                result.search_ms[label] = timed([newest(query)] * REPEATS, receiver.get)
            result.meanwhile_ms = _meanwhile(receiver, load, known)
            result.peak_mb = receiver.usage().peak_mb
            result.bytes_per_span = receiver.bytes_per_span()
            result.stop_s = receiver.stop()
            result.ready_s = receiver.start()
        finally:
            receiver.kill()
    _print(result)
    return result


def _fill(receiver: Receiver, load: Load, result: Result, compress: bool) -> list[bytes]:
    """Send everything; return some of the trace ids, spread over all that was sent."""
    requests = result.spans // load.spans
    known: list[bytes] = []

    def messages() -> Iterator[bytes]:
        for number, body in enumerate(load.bodies(requests)):
            if number % max(1, requests // REPEATS) == 0:
                known.append(load.trace_ids(body)[0])
            yield framed(body, compress=compress)

    before = receiver.usage()
    sent = send(receiver.grpc, messages(), compress=compress)
    # What a receiver put off is part of its price.
    time.sleep(SETTLE_SECONDS)
    result.acknowledged_per_second = result.spans / sent.seconds
    result.refused = sent.refused
    result.cpu_us_per_span = (receiver.usage().cpu_seconds - before.cpu_seconds) / result.spans * 1e6
    return known


def _found_within(receiver: Receiver, load: Load) -> float:
    """Seconds from an acknowledgement until the trace is found by id and by search; the worst of five."""
    connection = Connection(receiver.grpc)
    worst = 0.0
    for body in load.bodies(5):
        connection.send_until_taken(framed(body, compress=False))
        worst = max(worst, found_after(receiver, load.trace_ids(body)[0], _FOUND_WITHIN))
    connection.close()
    return worst


def _meanwhile(receiver: Receiver, load: Load, known: list[bytes]) -> dict[str, tuple[float, float]]:
    """Answers while spans come in at full speed, the kinds of questions in turn."""
    over = threading.Event()

    def messages() -> Iterator[bytes]:
        number = 0
        while not over.is_set():
            yield framed(load.body(number, time.time_ns()), compress=False)
            number += 1

    sender = threading.Thread(target=lambda: send(receiver.grpc, messages(), compress=False))
    sender.start()
    taken: dict[str, list[float]] = {"by id": [], **{label: [] for label in SEARCHES}}
    ids = cycle(random.sample(known, len(known)))
    end = time.perf_counter() + _MEANWHILE_SECONDS
    try:
        while time.perf_counter() < end and len(taken["by id"]) < REPEATS:
            taken["by id"].append(took(by_id(next(ids)), receiver.get))
            for label, query in SEARCHES.items():
                taken[label].append(took(newest(query), receiver.get))
    finally:
        over.set()
        sender.join()
    return {label: percentiles(times) for label, times in taken.items()}


def _print(result: Result) -> None:
    print(f"\n{result.receiver}, {result.spans:,} spans kept")
    rows = [
        ("acknowledged spans a second", f"{result.acknowledged_per_second:,.0f}"),
        ("refused and sent again", f"{result.refused:,}"),
        ("CPU a span", f"{result.cpu_us_per_span:.1f} µs"),
        ("resident memory, at most", f"{result.peak_mb:.0f} MB"),
        ("on disk a span", f"{result.bytes_per_span:.1f} bytes"),
        ("acknowledged to found", f"{result.found_within_s * 1000:,.0f} ms"),
        ("stop / start to ready", f"{result.stop_s:.2f} / {result.ready_s:.2f} s"),
        ("trace by id", _both(result.by_id_ms)),
        *((f"newest 20 by {label}", _both(times)) for label, times in result.search_ms.items()),
        *((f"while ingesting: {label}", _both(times)) for label, times in result.meanwhile_ms.items()),
    ]
    print(f"  {'':<36}{'median / p95':>24}")
    for label, value in rows:
        print(f"  {label:<36}{value:>24}")


def _both(times: tuple[float, float]) -> str:
    return f"{times[0]:,.1f} / {times[1]:,.1f} ms"

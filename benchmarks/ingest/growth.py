"""A receiver filled to a size: what it took, what it holds, and how fast it answers, also while ingesting."""

from __future__ import annotations

import math
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
from .send import Connection, framed, paced, send

SETTLE_SECONDS = 10.0
# Tempo answers for what is half a minute old; more than this is called never.
_FOUND_WITHIN = 60.0
# What a busy machine has: some 400 requests a second of services with 50 spans each.
STEADY = 20_000
# Questions while spans come in: this many seconds, or until the load is sent.
_MEANWHILE_SECONDS = 60.0


@dataclass
class Meanwhile:
    """Answers while spans come in.

    Attributes:
        wanted: spans a second that are sent, 0 for as many as are taken.
        taken: spans a second that were acknowledged.
        ms: by kind of question.
    """

    wanted: int = 0
    taken: float = 0.0
    ms: dict[str, tuple[float, float]] = field(default_factory=dict)

    def __str__(self) -> str:
        """Where the answers come from, as a label."""
        return f"at {self.wanted:,} spans/s" if self.wanted else "at full rate"


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
    steady: Meanwhile = field(default_factory=lambda: Meanwhile())
    full: Meanwhile = field(default_factory=lambda: Meanwhile())
    stop_s: float = 0.0
    ready_s: float = 0.0


def measure(name: str, spans: int, *, compress: bool = False, steady: int = STEADY) -> Result:
    """Fill a receiver with that many spans and ask it everything.

    Args:
        name: the receiver.
        spans: how many.
        compress: send by gzip.
        steady: spans a second that come in while it is asked again, before it is asked at full rate.
    """
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
            result.steady = _meanwhile(receiver, load, known, steady)
            result.full = _meanwhile(receiver, load, known, 0)
            result.peak_mb = receiver.usage().peak_mb
            result.bytes_per_span = receiver.bytes_per_row()
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


def _meanwhile(receiver: Receiver, load: Load, known: list[bytes], rate: int) -> Meanwhile:
    """Answers while spans come in, the kinds of questions in turn."""
    over = threading.Event()
    made = 0

    def messages() -> Iterator[bytes]:
        nonlocal made
        for number in paced(rate / load.spans):
            if over.is_set():
                return
            made = number + 1
            yield framed(load.body(number, time.time_ns()), compress=False)

    sender = threading.Thread(target=lambda: send(receiver.grpc, messages(), compress=False))
    begin = time.perf_counter()
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
    rate_taken = made * load.spans / (time.perf_counter() - begin)
    return Meanwhile(rate, rate_taken, {label: percentiles(times) for label, times in taken.items()})


def _print(result: Result) -> None:
    print(f"\n{result.receiver}, {result.spans:,} spans kept")
    rows = [
        ("acknowledged spans a second", f"{result.acknowledged_per_second:,.0f}"),
        ("refused and sent again", f"{result.refused:,}"),
        ("CPU a span", f"{result.cpu_us_per_span:.1f} µs"),
        ("resident memory, at most", f"{result.peak_mb:.0f} MB"),
        ("on disk a span", f"{result.bytes_per_span:.1f} bytes"),
        ("acknowledged to found", f"{result.found_within_s * 1000:,.0f} ms"),
        ("stop / start to ready", f"{_stopped(result.stop_s)} / {result.ready_s:.2f} s"),
        ("trace by id", _both(result.by_id_ms)),
        *((f"newest 20 by {label}", _both(times)) for label, times in result.search_ms.items()),
    ]
    for meanwhile in (result.steady, result.full):
        rows.append((f"{meanwhile}, acknowledged a second", f"{meanwhile.taken:,.0f}"))
        rows += [(f"{meanwhile}: {label}", _both(times)) for label, times in meanwhile.ms.items()]
    print(f"  {'':<40}{'median / p95':>24}")
    for label, value in rows:
        print(f"  {label:<40}{value:>24}")


def _both(times: tuple[float, float]) -> str:
    return f"{times[0]:,.1f} / {times[1]:,.1f} ms"


def _stopped(seconds: float) -> str:
    return f"{seconds:.2f}" if math.isfinite(seconds) else "by force"

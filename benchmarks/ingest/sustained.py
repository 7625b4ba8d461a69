"""Minutes of load without a pause: does the nest fall behind?"""

from __future__ import annotations

import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterator
from pathlib import Path

from .ask import SEARCHES, by_id, found_after, newest, percentiles, took
from .load import Load
from .receivers import Receiver
from .send import Connection, framed, paced, send

FOUND_TARGET = 1.0
_FOUND_WITHIN = 60.0
# Traces that are asked for by id were sent longer ago than this, and lie all over what was sent.
_OLD_SECONDS = 5.0
_STRIDE = 7919


def sustain(name: str, seconds: float, rate: int, *, report_every: float = 60.0) -> None:
    """Send for so long and print a line a minute.

    Args:
        name: the receiver.
        seconds: how long.
        rate: spans a second at most; 0 sends as fast as they are taken.
        report_every: seconds of a line.
    """
    load = Load(variety=64)
    over = threading.Event()
    known: deque[tuple[float, bytes]] = deque(maxlen=10_000)
    made = [0]

    def messages() -> Iterator[bytes]:
        for number in paced(rate / load.spans):
            if over.is_set():
                return
            body = load.body(number, time.time_ns())
            if number % 20 == 0:
                known.append((time.perf_counter(), load.trace_ids(body)[0]))
            made[0] = number + 1
            yield framed(body, compress=False)

    with tempfile.TemporaryDirectory(prefix="ingest-") as folder:
        receiver = Receiver(name, Path(folder) / "data")
        receiver.start()
        sender = threading.Thread(target=lambda: send(receiver.grpc, messages(), compress=False))
        try:
            sender.start()
            _watch(receiver, load, seconds, report_every, made, known)
        finally:
            over.set()
            sender.join()
            receiver.kill()


def _watch(
    receiver: Receiver,
    load: Load,
    seconds: float,
    report_every: float,
    made: list[int],
    known: deque[tuple[float, bytes]],
) -> None:
    print(
        f"\n{receiver.name}, {seconds:,.0f} s without a pause; times are the median / p95 of a line's probes"
    )
    print(
        f"  {'until':>6}{'spans/s':>10}{'waiting':>11}{'RSS':>9}{'on disk':>10}"
        f"{'found after':>20}{'by id':>20}{'newest 20':>20}"
    )
    connection = Connection(receiver.grpc)
    begin = time.perf_counter()
    worst = 0.0
    number = 0
    while (since := time.perf_counter()) < begin + seconds:
        before = made[0]
        found: list[float] = []
        ids: list[float] = []
        searches: list[float] = []
        queries = list(SEARCHES.values())
        while time.perf_counter() < min(since + report_every, begin + seconds):
            number += 1
            body = load.body(number, time.time_ns())
            connection.send_until_taken(framed(body, compress=False))
            found.append(found_after(receiver, load.trace_ids(body)[0], _FOUND_WITHIN) * 1000)
            sent = [one for moment, one in known if moment < time.perf_counter() - _OLD_SECONDS]
            if sent:
                ids.append(took(by_id(sent[number * _STRIDE % len(sent)]), receiver.get))
            searches.append(took(newest(queries[number % len(queries)]), receiver.get))
            time.sleep(0.2)
        now = time.perf_counter()
        worst = max(worst, max(found) / 1000)
        usage = receiver.usage()
        times = "".join(f"{_both(taken):>20}" for taken in (found, ids, searches))
        print(
            f"  {now - begin:>5.0f}s{(made[0] - before) * load.spans / (now - since):>10,.0f}"
            f"{receiver.waiting_bytes() / 2**20:>7.1f} MiB{usage.rss_mb:>6.0f} MB"
            f"{receiver.disk_bytes() / 2**20:>7.0f} MB{times}",
            flush=True,
        )
    connection.close()
    print(
        f"  {made[0] * load.spans:,} spans, {receiver.usage().peak_mb:.0f} MB resident at most, "
        f"{receiver.bytes_per_row():.1f} bytes a span on disk\n"
        f"  acknowledged to found, slowest: {worst:.2f} s, target {FOUND_TARGET:g} s: "
        f"{'kept' if worst <= FOUND_TARGET else 'MISSED'}"
    )


def _both(taken: list[float]) -> str:
    if not taken:
        return "-"
    median, p95 = percentiles(taken)
    return f"{median:,.0f} / {p95:,.0f} ms"

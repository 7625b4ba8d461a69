"""`python -m benchmarks queries`: how long the nest takes for each kind of request of its APIs.

The spans are spread over the last hour, in the order in which they arrive. Every kind is asked by HTTP, again
and again; with `--with-tempo` Tempo, whose binary must be on PATH, is asked the same in turn.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.ingest.ask import percentiles
from benchmarks.ingest.load import Load
from benchmarks.ingest.receivers import Receiver, present
from benchmarks.ingest.send import framed, send

from .questions import Question, Window, questions

HOUR = 3600
# Metrics that are derived from spans have a value every five seconds: a rate needs two of them.
SETTLE_SECONDS = 12.0
# The budgets at the 95th percentile, in milliseconds.
BUDGET_BY_ID = 25.0
BUDGET = 300.0


@dataclass(frozen=True, slots=True)
class Filled:
    """A receiver that holds the spans, and some of their traces."""

    receiver: Receiver
    known: list[bytes]


def main(options: Sequence[str]) -> None:
    """Fill, ask, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks queries --", description=__doc__)
    parser.add_argument("--spans", type=int, default=1_000_000, help="spans kept")
    parser.add_argument("--repeats", type=int, default=20, help="requests of a kind")
    parser.add_argument("--only", metavar="TEXT", help="only the kinds whose API or label has this in it")
    parser.add_argument("--with-tempo", action="store_true", help="ask Tempo, too")
    chosen = parser.parse_args(options)
    if chosen.with_tempo and "tempo" not in present():
        parser.error("put Tempo's binary `tempo` on PATH")
    names = ["nest", "tempo"] if chosen.with_tempo else ["nest"]
    now = int(time.time())
    window = Window(now - HOUR, now)
    with tempfile.TemporaryDirectory(prefix="queries-") as folder:
        receivers = [Receiver(name, Path(folder) / name / "data") for name in names]
        try:
            filled = [_fill(receiver, chosen.spans, chosen.repeats, window) for receiver in receivers]
            _print(filled, window, chosen.spans, chosen.repeats, chosen.only or "")
        finally:
            for receiver in receivers:
                receiver.kill()


def _fill(receiver: Receiver, spans: int, repeats: int, window: Window) -> Filled:
    """Start it and send the spans in two halves, so that what is derived from them has a rate."""
    receiver.folder.parent.mkdir()
    receiver.start()
    load = Load(variety=64)
    requests = spans // load.spans
    known: list[bytes] = []

    def messages(numbers: Iterator[int]) -> Iterator[bytes]:
        for number in numbers:
            start_ns = window.start * 10**9 + number * (HOUR - 2) * 10**9 // requests
            body = load.body(number, start_ns)
            if number % max(1, requests // repeats) == 0:
                known.append(load.trace_ids(body)[0])
            yield framed(body, compress=False)

    for half in (range(requests // 2), range(requests // 2, requests)):
        send(receiver.grpc, messages(iter(half)), compress=False)
        time.sleep(SETTLE_SECONDS)
    return Filled(receiver, known)


def _print(filled: Sequence[Filled], window: Window, spans: int, repeats: int, only: str) -> None:
    lists = {one.receiver.name: questions(one.known, window) for one in filled}
    head = "".join(f"{name + ' median / p95':>24}{'answer':>12}" for name in lists)
    print(f"{spans:,} spans over an hour, {repeats} requests of a kind, milliseconds\n\n  {'':<40}{head}")
    over: list[str] = []
    for alike in zip(*lists.values(), strict=True):
        first = alike[0]
        label = f"{first.api}, {first.label}"
        if only not in label:
            continue
        asked = [
            (one.receiver, question)
            for one, question in zip(filled, alike, strict=True)
            # Tempo has its own API only.
            if question.api == "tempo" or one.receiver.name == "nest"
        ]
        taken: list[list[float]] = [[] for _ in asked]
        sizes = [_ask(receiver, question, 0)[1] for receiver, question in asked]
        for number in range(repeats):
            for times, (receiver, question) in zip(taken, asked, strict=True):
                times.append(_ask(receiver, question, number)[0])
        results = [percentiles(times) for times in taken]
        cells = "".join(
            f"{f'{median:,.1f} / {late:,.1f}':>24}{f'{size / 1000:,.1f} kB':>12}"
            for (median, late), size in zip(results, sizes, strict=True)
        )
        print(f"  {label:<40}{cells}", flush=True)
        if results[0][1] > (BUDGET_BY_ID if "by id" in label else BUDGET):
            over.append(label)
    print(
        f"\n  p95 over {BUDGET_BY_ID:.0f} ms by id or {BUDGET:.0f} ms otherwise: {'; '.join(over) or 'none'}"
    )


def _ask(receiver: Receiver, question: Question, number: int) -> tuple[float, int]:
    """Milliseconds and bytes of one answer.

    Raises:
        RuntimeError: the answer is an error.
    """
    path = question.paths[number % len(question.paths)]
    begin = time.perf_counter()
    status, body = receiver.get(path, getattr(receiver, question.api), question.accept)
    taken = (time.perf_counter() - begin) * 1000
    if status != 200:
        raise RuntimeError(f"{receiver.name}: {path} answered {status}")
    return taken, len(body)

"""The nest and Tempo, interleaved: the same requests, plain and gzip, small and large, round after round.

Each block is a fresh process with an empty folder: warmed up, given the load, and left alone for ten seconds,
so that what a receiver puts off is part of its price. The nest runs twice in each round; how far its two runs
differ is the noise.
"""

from __future__ import annotations

import random
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from .ask import by_id
from .load import Load
from .receivers import Receiver
from .send import framed, send

SETTLE_SECONDS = 10.0
WARM_UP_SPANS = 20_000
# Traces asked for after a block: acknowledged means that each of them is there.
PROBES = 20
_FOUND_WITHIN = 60.0
AGAIN = "nest, again"
RATE_TARGET, CPU_TARGET, MEMORY_TARGET_MB = 2.0, 0.5, 300.0


@dataclass(frozen=True)
class Form:
    """How the load is cut and packed."""

    spans: int
    compress: bool

    def __str__(self) -> str:
        """As a heading."""
        return f"requests of {self.spans:,} spans, {'gzip' if self.compress else 'plain'}"


FORMS = tuple(Form(spans, compress) for spans in (500, 1000) for compress in (False, True))


@dataclass
class Block:
    """One receiver, one form, once."""

    spans_per_second: float
    cpu_receiving_us: float
    cpu_us: float
    peak_mb: float
    refused: int
    missing: int


@dataclass
class Comparison:
    """All blocks of a form by receiver."""

    form: Form
    blocks: dict[str, list[Block]] = field(default_factory=dict)

    def median(self, name: str, value: Callable[[Block], float]) -> float:
        """The median of a figure over the rounds."""
        return statistics.median(value(block) for block in self.blocks[name])


def compare(rounds: int, spans: int, receivers: Sequence[str]) -> list[Comparison]:
    """Run every form on every receiver, in random order within a round, and print a table each."""
    names = ["nest", AGAIN, *(name for name in receivers if name != "nest")]
    compared = [Comparison(form, {name: [] for name in names}) for form in FORMS]
    turns = [(one, name) for one in compared for name in names]
    for number in range(rounds):
        for turn, (one, name) in enumerate(random.sample(turns, len(turns)), 1):
            print(f"\rround {number + 1}/{rounds}, block {turn}/{len(turns)} ", end="", flush=True)
            one.blocks[name].append(_block(name, one.form, spans))
    print("\r" + " " * 40)
    for one in compared:
        _print(one, spans)
    return compared


def _block(name: str, form: Form, spans: int) -> Block:
    load = Load(form.spans, variety=32, seed=random.randrange(2**31))  # noqa: S311 - a load, not a secret
    bodies = list(load.bodies((WARM_UP_SPANS + spans) // form.spans))
    probes = [load.trace_ids(body)[0] for body in random.sample(bodies, PROBES)]
    messages = [framed(body, compress=form.compress) for body in bodies]
    del bodies
    early = WARM_UP_SPANS // form.spans
    with tempfile.TemporaryDirectory(prefix="ingest-") as folder:
        receiver = Receiver("nest" if name == AGAIN else name, Path(folder) / "data")
        try:
            receiver.start()
            send(receiver.grpc, messages[:early], compress=form.compress)
            time.sleep(1)
            before = receiver.usage()
            sent = send(receiver.grpc, messages[early:], compress=form.compress)
            received = receiver.usage()
            time.sleep(SETTLE_SECONDS)
            after = receiver.usage()
            missing = _missing(receiver, probes)
        finally:
            receiver.kill()
    return Block(
        spans_per_second=spans / sent.seconds,
        cpu_receiving_us=(received.cpu_seconds - before.cpu_seconds) / spans * 1e6,
        cpu_us=(after.cpu_seconds - before.cpu_seconds) / spans * 1e6,
        peak_mb=after.peak_mb,
        refused=sent.refused,
        missing=missing,
    )


def _missing(receiver: Receiver, trace_ids: Sequence[bytes]) -> int:
    """How many traces are not there after a while; a receiver may be slow to show what it acknowledged."""
    deadline = time.monotonic() + _FOUND_WITHIN
    left = list(trace_ids)
    while left and time.monotonic() < deadline:
        left = [one for one in left if receiver.get(by_id(one))[0] != 200]
    return len(left)


_ROWS: tuple[tuple[str, Callable[[Block], float], str], ...] = (
    ("acknowledged spans a second", lambda block: block.spans_per_second, ",.0f"),
    ("CPU a span while receiving, µs", lambda block: block.cpu_receiving_us, ".1f"),
    ("CPU a span with 10 s after, µs", lambda block: block.cpu_us, ".1f"),
    ("resident memory at most, MB", lambda block: block.peak_mb, ",.0f"),
    ("refused and sent again", lambda block: block.refused, ",.0f"),
    (f"of {PROBES} acknowledged traces, missing", lambda block: block.missing, ",.0f"),
)


def _print(one: Comparison, spans: int) -> None:
    names = list(one.blocks)
    rounds = len(one.blocks[names[0]])
    print(f"{one.form}; {spans:,} spans a block, median of {rounds}")
    print(f"  {'':<38}" + "".join(f"{name:>14}" for name in names) + f"{'noise':>9}{'nest/tempo':>12}")
    for label, value, shape in _ROWS:
        figures = {name: one.median(name, value) for name in names}
        noise = _relative(figures["nest"], figures[AGAIN])
        both = (figures["nest"] + figures[AGAIN]) / 2
        ratio = f"{both / figures['tempo']:>11.2f}x" if figures.get("tempo") else f"{'':>12}"
        cells = "".join(f"{figures[name]:>14{shape}}" for name in names)
        print(f"  {label:<38}{cells}{f'±{noise:.0%}' if both else '':>9}{ratio}")
    if "tempo" in one.blocks:
        for text, kept in _verdicts(one):
            print(f"  {text}: {'kept' if kept else 'MISSED'}")
    print()


def _verdicts(one: Comparison) -> list[tuple[str, bool]]:
    def nest(value: Callable[[Block], float]) -> float:
        return (one.median("nest", value) + one.median(AGAIN, value)) / 2

    def ratio(value: Callable[[Block], float]) -> float:
        return nest(value) / one.median("tempo", value)

    rate = ratio(lambda block: block.spans_per_second)
    receiving, whole = ratio(lambda block: block.cpu_receiving_us), ratio(lambda block: block.cpu_us)
    memory = max(block.peak_mb for name in ("nest", AGAIN) for block in one.blocks[name])
    return [
        (f"at least {RATE_TARGET:g} times Tempo's spans/s: {rate:.2f} times", rate >= RATE_TARGET),
        (
            f"at most {CPU_TARGET:g} of Tempo's CPU a span: {receiving:.2f} receiving, {whole:.2f} in all",
            max(receiving, whole) <= CPU_TARGET,
        ),
        (
            f"at most {MEMORY_TARGET_MB:.0f} MB resident: {memory:.0f} MB",
            memory <= MEMORY_TARGET_MB,
        ),
    ]


def _relative(one: float, other: float) -> float:
    return abs(one - other) / 2 / ((one + other) / 2) if one + other else 0.0

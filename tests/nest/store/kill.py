"""Kill a writing store at random moments and count what it had acknowledged and lost.

`python -m tests.nest.store.kill [ROUNDS]` runs more rounds than the tests do.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from temponest.nest.model.log import LogRequest
from temponest.nest.model.signal import Signal
from temponest.nest.store.errors import Full
from temponest.nest.store.limits import Limits
from temponest.nest.store.store import Store

from .otlp import Given, GivenLog, body, log_body, trace_id

# Small segments: the process is as often killed while it seals or merges as while it appends.
LIMITS = Limits(seal_spans=200, linger_seconds=0.005)
SPANS = 20


@dataclass
class Outcome:
    """Traces acknowledged with a log record each, and those that were not there whole afterwards."""

    acknowledged: int = 0
    missing: int = 0


def kill_rounds(folder: Path, rounds: int, seed: int) -> Outcome:
    """Start a writer, kill it after a random time, open the folder and look for what it acknowledged."""
    dice = random.Random(seed)  # noqa: S311 - moments to repeat, not secrets
    outcome = Outcome()
    every: set[int] = set()
    for number in range(rounds):
        command = [
            sys.executable,
            "-m",
            __spec__.name if __spec__ else __name__,
            "write",
            str(folder),
            str(number),
        ]
        writer = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ourselves
        assert writer.stdout is not None
        acknowledged = [int(writer.stdout.readline())]
        deadline = time.monotonic() + dice.uniform(0.0, 0.5)
        while time.monotonic() < deadline:
            acknowledged.append(int(writer.stdout.readline()))
        writer.kill()
        # A last line may be cut: the pipe keeps whole what was written whole.
        acknowledged += [
            int(line) for line in writer.stdout.read().splitlines(keepends=True) if line[-1] == "\n"
        ]
        writer.stdout.close()
        writer.wait()
        every.update(acknowledged)
        outcome.missing = missing(folder, acknowledged)
        outcome.acknowledged = len(every)
        if outcome.missing:
            return outcome
    outcome.missing = missing(folder, every)
    return outcome


def missing(folder: Path, traces: Iterable[int]) -> int:
    """How many of the traces are not there whole, their log record included."""
    store = Store.open(folder, limits=LIMITS)
    store.start()
    wanted = [trace_id(one) for one in traces]
    found = store.spans.traces(wanted, lambda: False)
    batches = store.logs.logs(LogRequest(0, 2**63 - 1), lambda: False)
    logged = {batch_id for batch in batches for batch_id in batch.field("trace_id").values}
    store.close()
    return sum(len(found.get(one, ())) != SPANS or one.hex() not in logged for one in wanted)


def write(folder: Path, number: int) -> None:
    """Append traces for ever; print the number of each when it is acknowledged."""
    store = Store.open(folder, limits=LIMITS)
    store.start()
    trace = number * 1_000_000
    while True:
        trace += 1
        encoded = body(
            *(Given(trace=trace, span=span, attributes={"n": trace}) for span in range(1, SPANS + 1))
        )
        try:
            store.append(Signal.TRACES, encoded).result()
            store.append(Signal.LOGS, log_body(GivenLog(f"of {trace}", trace=trace))).result()
        except Full:
            continue
        print(trace, flush=True)


def main(argv: list[str]) -> int:
    """Either the writer or the rounds."""
    if argv[:1] == ["write"]:
        write(Path(argv[1]), int(argv[2]))
    with tempfile.TemporaryDirectory() as folder:
        outcome = kill_rounds(Path(folder), rounds=int(argv[0]) if argv else 200, seed=0)
    print(f"{outcome.acknowledged} traces acknowledged, {outcome.missing} lost")
    return 1 if outcome.missing else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

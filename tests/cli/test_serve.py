"""`temponest serve` as its operator sees it."""

from __future__ import annotations

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Timer

import pytest
from rich.console import Console

from temponest.cli.commands.serve import drawn
from temponest.demo.ports import free_ports
from temponest.demo.programs import NEST_OPTIONS
from temponest.nest.state import State
from temponest.nest.store.limits import MIB, Limits

PATIENCE = 60.0  # seconds after which a nest that shows nothing is given up
LIMITS = Limits(memory_bytes=300 * MIB, disk_bytes=8_192 * MIB, retention_seconds=14 * 86_400)
QUIET = State(at=100, spans=1_000, logs=0, requests=10, refused=1, queue_bytes=0, disk_bytes=0)
BUSY = State(
    at=102,
    spans=3_000,
    logs=40,
    requests=14,
    refused=3,
    queue_bytes=0,
    disk_bytes=2_048 * MIB,
    oldest_seconds=3 * 86_400,
    refusal="the queue is full",
    memory_bytes=150 * MIB,
)


def shown(states: list[State], limits: Limits = LIMITS) -> list[list[str]]:
    console = Console(width=80)
    with console.capture() as capture:
        console.print(drawn(states, limits))
    return [[cell.strip() for cell in line.split("  ") if cell] for line in capture.get().splitlines()]


def test_the_state_is_rates_and_what_is_used_of_each_limit() -> None:
    assert shown([QUIET, BUSY]) == [
        ["spans", "1,000/s", "█"],
        ["log records", "20/s", "█"],
        ["requests", "2/s", "█"],
        ["refused", "3", "the queue is full"],
        ["queue", "0.0 of 19 MiB", "░" * 30],
        ["memory", "150.0 of 300 MiB", "█" * 15 + "░" * 15],
        ["disk", "2.0 of 8 GiB", "█" * 8 + "░" * 22],
        ["oldest", "3 days", "of 14 days"],
        ["Ctrl-C stops the nest; nothing acknowledged is lost."],
    ]


def test_an_empty_nest_has_no_oldest_data() -> None:
    assert ["oldest", "none yet", "of 14 days"] in shown([QUIET, QUIET])


def test_a_rate_is_that_since_the_look_before() -> None:
    later = State(at=112, spans=4_000, logs=40, requests=14, refused=3, queue_bytes=0, disk_bytes=0)
    assert shown([QUIET, BUSY, later])[0][:2] == ["spans", "100/s"]


@pytest.fixture
def nest(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[bytes], int]]:
    """A nest whose standard error is a terminal of 80 columns."""
    ports = zip(NEST_OPTIONS.values(), free_ports(len(NEST_OPTIONS)), strict=True)
    options = [word for option, port in ports for word in (option, str(port))]
    ours, its = pty.openpty()
    process = subprocess.Popen(  # noqa: S603 - our own code by this interpreter
        [sys.executable, "-m", "temponest", "serve", "--data", str(tmp_path), *options],
        stderr=its, env={**os.environ, "TERM": "xterm", "COLUMNS": "80", "NO_COLOR": "1"},
    )  # fmt: skip
    os.close(its)
    give_up = Timer(PATIENCE, process.kill)
    give_up.start()
    yield process, ours
    give_up.cancel()
    process.kill()
    process.wait()
    os.close(ours)


def read_until(terminal: int, words: bytes) -> bytes:
    """What the terminal was written until the words came, or until nobody writes any more."""
    seen = b""
    while words not in seen:
        try:
            seen += os.read(terminal, 65_536)
        except OSError:  # Linux says so when the last writer is gone
            break
    return seen


def test_in_a_terminal_the_state_is_drawn_below_the_log(nest: tuple[subprocess.Popen[bytes], int]) -> None:
    process, terminal = nest
    seen = read_until(terminal, b"Ctrl-C stops the nest").decode()
    assert "the nest is ready: pages at http://127.0.0.1:" in " ".join(seen.split())
    assert "memory" in seen
    process.send_signal(signal.SIGINT)
    read_until(terminal, b"never written")
    assert process.wait() == 0

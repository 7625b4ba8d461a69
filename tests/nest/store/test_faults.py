"""What can go wrong outside: death at any moment, a full disk, a clock set back, two starts at once."""

from __future__ import annotations

import logging
import os
import resource
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from temponest.nest.model.signal import Signal
from temponest.nest.store.errors import Full, Held
from temponest.nest.store.limits import MIB, Limits
from temponest.nest.store.store import Store

from .conftest import IMPATIENT, Open, keep
from .kill import kill_rounds
from .otlp import Given, body, trace_id


def never() -> bool:
    return False


def test_no_acknowledged_span_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    outcome = kill_rounds(tmp_path, rounds=4, seed=1)
    assert outcome.missing == 0
    assert outcome.acknowledged > 0


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """What a full disk looks like to a process: writing beyond `size` fails."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@contextmanager
def reported(text: str) -> Iterator[threading.Event]:
    """An event that is set when the store logs the text."""
    seen = threading.Event()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if text in record.getMessage():
                seen.set()

    handler = Handler()
    logging.getLogger("temponest.store").addHandler(handler)
    try:
        yield seen
    finally:
        logging.getLogger("temponest.store").removeHandler(handler)


def test_a_full_disk_refuses_bodies_and_loses_none_that_was_acknowledged(open_store: Open) -> None:
    store = open_store()
    keep(store, body(Given(trace=1)))
    with files_no_larger_than(4096):
        refused = store.append(Signal.TRACES, body(Given(trace=2, attributes={"big": "x" * 5000})))
        with pytest.raises(Full, match="cannot write the log"):
            refused.result(timeout=60)
    keep(store, body(Given(trace=3)))
    store.close()
    store = open_store()
    found = store.spans.traces([trace_id(number) for number in (1, 2, 3)], never)
    assert sorted(found) == [trace_id(1), trace_id(3)]
    assert store.stats().torn_bytes == 0


def test_a_segment_that_does_not_fit_is_written_when_there_is_room(open_store: Open) -> None:
    store = open_store()
    keep(
        store,
        *(body(Given(trace=number, attributes={"big": os.urandom(500).hex()})) for number in range(1, 9)),
    )
    with (
        reported("cannot write segments") as failed,
        files_no_larger_than(2048),
        ThreadPoolExecutor() as pool,
    ):
        sealing = pool.submit(store.seal)
        assert failed.wait(timeout=60)
        assert not sealing.done()
        assert len(store.spans.traces([trace_id(8)], never)) == 1
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        sealing.result(timeout=60)
    assert store.stats().segment_spans == 8
    assert len(store.spans.traces([trace_id(8)], never)) == 1


def test_too_much_that_waits_is_refused_until_it_is_decoded(open_store: Open) -> None:
    store = open_store(Limits(memory_bytes=12 * MIB, linger_seconds=0.0))
    large = body(Given(attributes={"big": "x" * (MIB // 2)}))
    futures: list[Future[None]] = []
    with pytest.raises(Full, match="waiting to be decoded"):
        futures.extend(store.append(Signal.TRACES, large) for _ in range(100_000))
    for future in futures:
        future.result(timeout=60)
    store.flush()
    keep(store, large)
    assert store.stats().refused == 1


def test_a_body_larger_than_the_queue_is_taken_alone(open_store: Open) -> None:
    store = open_store(Limits(memory_bytes=12 * MIB, linger_seconds=0.0))
    keep(store, body(Given(attributes={"big": "x" * (2 * MIB)})))
    assert store.stats().recent_spans + store.stats().segment_spans == 1


def test_a_clock_that_was_set_back_loses_nothing(open_store: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(Limits(linger_seconds=0.0, retention_seconds=10))
    keep(store, body(Given(trace=1)))
    store.seal()
    an_hour_ago = time.time_ns() - 3600 * 10**9
    monkeypatch.setattr(time, "time_ns", lambda: an_hour_ago)
    keep(store, body(Given(trace=2)))
    store.seal()
    assert len(store.spans.traces([trace_id(1), trace_id(2)], never)) == 2


def test_segments_beyond_the_budget_are_dropped_whole(open_store: Open) -> None:
    store = open_store(Limits(linger_seconds=0.0, disk_bytes=40_000))
    for number in range(1, 12):
        keep(
            store,
            body(
                *(Given(trace=number, span=n, attributes={"x": os.urandom(64).hex()}) for n in range(1, 50))
            ),
        )
        store.seal()
    stats = store.stats()
    assert stats.segment_bytes + stats.wal_bytes <= 40_000
    assert store.spans.traces([trace_id(11)], never)
    assert not store.spans.traces([trace_id(1)], never)


def test_of_two_starts_at_once_one_has_the_folder(tmp_path: Path) -> None:
    def start(_: int) -> Store | None:
        try:
            return Store.open(tmp_path, limits=IMPATIENT)
        except Held:
            return None

    with ThreadPoolExecutor(8) as pool:
        opened = [store for store in pool.map(start, range(8)) if store is not None]
    assert len(opened) == 1
    opened[0].close()


def test_a_second_process_is_told_who_holds_the_folder(tmp_path: Path, open_store: Open) -> None:
    open_store()
    script = "import sys, pathlib, temponest.nest.store.store as s; s.Store.open(pathlib.Path(sys.argv[1]))"
    second = subprocess.run(  # noqa: S603 - our own interpreter and script
        [sys.executable, "-c", script, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert f"in use by process {os.getpid()}" in second.stderr


def test_the_folder_is_private(tmp_path: Path, open_store: Open) -> None:
    store = open_store()
    keep(store, body(Given()))
    store.seal()
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()}
    folders = {path.stat().st_mode & 0o777 for path in (tmp_path, *tmp_path.rglob("*")) if path.is_dir()}
    assert (modes, folders) == ({0o600}, {0o700})

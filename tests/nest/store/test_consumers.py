"""What else lives on the log: bodies of metrics and logs, and what is derived from spans."""

from __future__ import annotations

from pathlib import Path

import pytest

from temponest.nest.model.signal import Signal
from temponest.nest.store.consumer import SpanBatch
from temponest.nest.store.store import Store

from .conftest import IMPATIENT
from .otlp import Given, body


class Notebook:
    """A consumer that keeps what it took in a file, with the number it covers."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.taken: list[int] = []
        self.failing = False
        self.broken = False

    @property
    def covered(self) -> int:
        return max(self.kept(), default=0)

    def kept(self) -> list[int]:
        return [int(line) for line in self.path.read_text().splitlines()] if self.path.exists() else []

    def take(self, sequence: int, body: bytes) -> None:
        if body == b"poison":
            raise ValueError("cannot be decoded")
        self.taken.append(sequence)

    def persist(self) -> None:
        if self.failing:
            raise OSError("disk full")
        self.path.write_text("".join(f"{one}\n" for one in sorted({*self.kept(), *self.taken})))


@pytest.fixture
def notebook(tmp_path: Path) -> Notebook:
    return Notebook(tmp_path / "notebook")


def opened(folder: Path, notebook: Notebook, batches: list[SpanBatch] | None = None) -> Store:
    store = Store.open(folder / "store", limits=IMPATIENT)
    store.register(Signal.METRICS, notebook)
    if batches is not None:
        store.on_decoded(batches.append)
    store.start()
    return store


def test_a_consumer_takes_the_bodies_of_its_signal_in_order(tmp_path: Path, notebook: Notebook) -> None:
    store = opened(tmp_path, notebook)
    for signal in (Signal.METRICS, Signal.LOGS, Signal.METRICS):
        store.append(signal, b"x").result(timeout=60)
    store.flush()
    store.close()
    assert notebook.taken == [1, 3]


def test_what_was_not_persisted_comes_again_after_a_restart(tmp_path: Path, notebook: Notebook) -> None:
    store = opened(tmp_path, notebook)
    notebook.failing = True
    store.append(Signal.METRICS, b"x").result(timeout=60)
    store.close()
    again = Notebook(notebook.path)
    opened(tmp_path, again).close()
    assert again.taken == [1]


def test_what_was_persisted_does_not_come_again(tmp_path: Path, notebook: Notebook) -> None:
    store = opened(tmp_path, notebook)
    store.append(Signal.METRICS, b"x").result(timeout=60)
    store.close()
    again = Notebook(notebook.path)
    opened(tmp_path, again).close()
    assert again.taken == []


def test_the_log_keeps_what_a_consumer_cannot_persist(tmp_path: Path, notebook: Notebook) -> None:
    store = opened(tmp_path, notebook)
    notebook.failing = True
    store.append(Signal.METRICS, b"x").result(timeout=60)
    store.seal()
    assert store.stats().wal_bytes > 0
    notebook.failing = False
    store.append(Signal.METRICS, b"y").result(timeout=60)
    store.seal()
    assert store.stats().wal_bytes == 0
    store.close()
    assert notebook.kept() == [1, 2]


def test_a_body_that_a_consumer_cannot_decode_is_set_aside(tmp_path: Path, notebook: Notebook) -> None:
    store = opened(tmp_path, notebook)
    for one in (b"x", b"poison", b"y"):
        store.append(Signal.METRICS, one).result(timeout=60)
    store.flush()
    assert (notebook.taken, store.stats().set_aside) == ([1, 3], 1)
    store.close()


def test_spans_are_announced_once_searchable_with_their_records(tmp_path: Path, notebook: Notebook) -> None:
    batches: list[SpanBatch] = []
    store = opened(tmp_path, notebook, batches)
    store.append(Signal.METRICS, b"x").result(timeout=60)
    store.append(Signal.TRACES, body(Given(span=1), Given(span=2))).result(timeout=60)
    store.flush()
    store.close()
    assert [(batch.first, batch.last, batch.table.num_rows) for batch in batches] == [(2, 2, 2)]


def test_spans_in_no_segment_are_announced_again_after_a_restart(tmp_path: Path, notebook: Notebook) -> None:
    store = opened(tmp_path, notebook, [])
    store.append(Signal.TRACES, body(Given(trace=1))).result(timeout=60)
    store.seal()
    store.append(Signal.TRACES, body(Given(trace=2))).result(timeout=60)
    store.close()
    batches: list[SpanBatch] = []
    opened(tmp_path, notebook, batches).close()
    assert [batch.first for batch in batches] == [2]


def test_a_listener_that_covers_records_is_not_told_of_them_again(tmp_path: Path, notebook: Notebook) -> None:
    store = opened(tmp_path, notebook)
    for number in (1, 2, 3):
        store.append(Signal.TRACES, body(Given(trace=number))).result(timeout=60)
    store.close()
    batches: list[SpanBatch] = []
    again = Store.open(tmp_path / "store", limits=IMPATIENT)
    again.on_decoded(batches.append, covered=lambda: 2)
    again.start()
    again.close()
    assert [(batch.first, batch.last) for batch in batches] == [(3, 3)]


def test_a_listener_that_fails_does_not_stop_the_store(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: SpanBatch) -> None:
        raise RuntimeError("broken listener")

    store = Store.open(tmp_path, limits=IMPATIENT)
    store.on_decoded(fail)
    store.start()
    store.append(Signal.TRACES, body(Given())).result(timeout=60)
    store.flush()
    assert store.stats().recent_spans == 1
    store.close()
    assert "broken listener" in caplog.text

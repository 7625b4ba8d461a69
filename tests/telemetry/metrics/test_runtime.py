"""What the process, the interpreter and the event loop tell of themselves."""

from __future__ import annotations

import asyncio
import gc
import os
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from shared.telemetry.metrics import runtime
from shared.telemetry.metrics.points import HistogramPoint
from tests.telemetry.metrics.measured import Measured


@pytest.fixture
def measured() -> Measured:
    measured = Measured()
    runtime.observe_process(measured.meter)
    runtime.observe_interpreter(measured.meter)
    return measured


def test_cpu_time_is_what_the_system_counts(measured: Measured) -> None:
    before = os.times()
    values = measured.values("process.cpu.time")
    after = os.times()
    assert before.user <= values["user",] <= after.user
    assert before.system <= values["system",] <= after.system


def test_utilization_is_a_share_of_the_processors(measured: Measured) -> None:
    before = os.times().user
    while os.times().user - before < 0.05:
        pass  # The system counts in ticks of its own.
    values = measured.values("process.cpu.utilization")
    assert 0 < values["user",] <= 1


def test_memory_threads_and_files_are_those_of_the_process(measured: Measured) -> None:
    stop = threading.Event()
    threads = [threading.Thread(target=stop.wait) for _ in range(20)]
    before = measured.collect()
    with ExitStack() as files:
        for thread in threads:
            thread.start()
            files.enter_context(Path(os.devnull).open())
        after = measured.collect()
    stop.set()
    for thread in threads:
        thread.join()

    def grown(name: str) -> Any:
        (earlier,), (later,) = before[name].points, after[name].points
        return getattr(later, "value", 0) - getattr(earlier, "value", 0)

    # Threads and files of tests before this one may end meanwhile.
    assert 15 <= grown("process.thread.count") <= 20
    assert 15 <= grown("process.unix.file_descriptor.count") <= 20
    assert measured.values("process.memory.usage")[()] > 1 << 20
    assert measured.values("process.memory.virtual")[()] > measured.values("process.memory.usage")[()]


def test_uptime_is_the_age_of_the_process_not_of_the_import(measured: Measured) -> None:
    ticks = int(Path("/proc/self/stat").read_text().rpartition(")")[2].split()[19])
    started = ticks / os.sysconf("SC_CLK_TCK")
    age = time.clock_gettime(time.CLOCK_BOOTTIME) - started
    assert measured.values("process.uptime")[()] == pytest.approx(age, abs=1)


def test_collections_of_garbage_are_counted_by_generation(measured: Measured) -> None:
    before = measured.values("cpython.gc.collections")
    gc.collect()
    after = measured.values("cpython.gc.collections")
    assert after[2,] == before[2,] + 1
    assert set(measured.values("cpython.gc.uncollectable_objects")) == {(0,), (1,), (2,)}


def test_switches_and_faults_are_told_apart_by_type(measured: Measured) -> None:
    assert set(measured.values("process.context_switches")) == {("voluntary",), ("involuntary",)}
    assert set(measured.values("process.paging.faults")) == {("major",), ("minor",)}


def test_where_the_system_tells_nothing_the_rest_remains(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.setattr(runtime, "_PROC", tmp_path)
    monkeypatch.setattr(runtime, "resource", None)
    measured = Measured()
    runtime.observe_process(measured.meter)
    assert set(measured.collect()) == {
        "process.cpu.time",
        "process.cpu.utilization",
        "process.thread.count",
        "process.uptime",
    }


async def test_a_blocked_event_loop_shows_as_lag(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(runtime, "_LAG_EVERY", 0.01)
    measured = Measured()
    lag = runtime.LoopLag(measured.meter)
    loop = asyncio.get_running_loop()
    lag.watch(loop)
    lag.watch(loop)
    until = loop.time() + 0.05
    while loop.time() < until:
        pass  # Blocks the loop well beyond the timer.
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    (point,) = measured.points("temponest.event_loop.lag")
    assert isinstance(point, HistogramPoint)
    assert point.count == 1
    assert point.max is not None
    assert point.max >= 0.03

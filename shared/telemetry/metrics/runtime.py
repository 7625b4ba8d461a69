"""The process and the interpreter: CPU, memory, threads, files, garbage collection, uptime, event-loop lag.

Names and units are those of the semantic conventions (process and CPython metrics). What the operating system
does not tell is left out; nothing but the standard library is needed.
"""

from __future__ import annotations

import gc
import os
import threading
import time
import weakref
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterable
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from opentelemetry.metrics import CallbackOptions, CallbackT, Meter, Observation

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram

resource: ModuleType | None
try:
    import resource
except ImportError:  # Windows has none
    resource = None

_PROC = Path("/proc/self")
_IMPORTED = time.time()
_LAG_EVERY = 0.5
_LAG_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5)


def observe_process(meter: Meter) -> None:
    """Create the instruments of the process; each is asked once a collection."""
    meter.create_observable_counter(
        "process.cpu.time", [_cpu_time], "s", "Total CPU seconds broken down by different CPU modes."
    )
    meter.create_observable_gauge(
        "process.cpu.utilization",
        [_CpuUtilization()],
        "1",
        "Difference in process.cpu.time since the last measurement, divided by the elapsed time and number of"
        " CPUs available to the process.",
    )
    meter.create_observable_up_down_counter(
        "process.thread.count", [_one(_threads)], "{thread}", "Process threads count."
    )
    meter.create_observable_gauge(
        "process.uptime", [_one(_uptime)], "s", "The time the process has been running."
    )
    if _statm() is not None:
        meter.create_observable_up_down_counter(
            "process.memory.usage", [_one(_resident)], "By", "The amount of physical memory in use."
        )
        meter.create_observable_up_down_counter(
            "process.memory.virtual", [_one(_virtual)], "By", "The amount of committed virtual memory."
        )
    if _open_files() is not None:
        meter.create_observable_up_down_counter(
            "process.unix.file_descriptor.count",
            [_one(_open_files)],
            "{file_descriptor}",
            "Number of UNIX file descriptors in use by the process.",
        )
    if resource is not None:
        meter.create_observable_counter(
            "process.context_switches",
            [_usage("process.context_switch.type", {"voluntary": "ru_nvcsw", "involuntary": "ru_nivcsw"})],
            "{context_switch}",
            "Number of times the process has been context switched.",
        )
        meter.create_observable_counter(
            "process.paging.faults",
            [_usage("system.paging.fault.type", {"major": "ru_majflt", "minor": "ru_minflt"})],
            "{fault}",
            "Number of page faults the process has made.",
        )


def observe_interpreter(meter: Meter) -> None:
    """Create the instruments of CPython's garbage collector."""
    for name, key, unit, description in (
        (
            "collections",
            "collections",
            "{collection}",
            "The number of times a generation was collected since interpreter start.",
        ),
        (
            "collected_objects",
            "collected",
            "{object}",
            "The total number of objects collected inside a generation since interpreter start.",
        ),
        (
            "uncollectable_objects",
            "uncollectable",
            "{object}",
            "The total number of objects which were found to be uncollectable inside a generation since"
            " interpreter start.",
        ),
    ):
        meter.create_observable_counter(f"cpython.gc.{name}", [_collector(key)], unit, description)


def _one(read: Callable[[], float | None]) -> CallbackT:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        value = read()
        return () if value is None else (Observation(value),)

    return observe


def _cpu_time(_: CallbackOptions) -> Iterable[Observation]:
    times = os.times()
    yield Observation(times.user, {"cpu.mode": "user"})
    yield Observation(times.system, {"cpu.mode": "system"})


class _CpuUtilization:
    """The share of the available processors that was used since the collection before."""

    def __init__(self) -> None:
        self._before = (os.times(), time.monotonic())

    def __call__(self, _: CallbackOptions) -> Iterable[Observation]:
        times, now = os.times(), time.monotonic()
        (earlier, then), self._before = self._before, (times, now)
        available = (now - then) * _processors()
        if available > 0:
            for mode in ("user", "system"):
                used = getattr(times, mode) - getattr(earlier, mode)
                yield Observation(max(0.0, used) / available, {"cpu.mode": mode})


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _threads() -> int:
    try:
        return len(list((_PROC / "task").iterdir()))
    except OSError:
        return threading.active_count()


def _statm() -> list[int] | None:
    try:
        return [int(word) for word in (_PROC / "statm").read_text().split()]
    except (OSError, ValueError):
        return None


def _resident() -> int | None:
    pages = _statm()
    return None if pages is None else pages[1] * os.sysconf("SC_PAGE_SIZE")


def _virtual() -> int | None:
    pages = _statm()
    return None if pages is None else pages[0] * os.sysconf("SC_PAGE_SIZE")


def _open_files() -> int | None:
    try:
        # The listing itself holds one open.
        return len(list((_PROC / "fd").iterdir())) - 1
    except OSError:
        return None


def _uptime() -> float:
    try:
        # Fields after the command, which may hold spaces; the 20th of them is the start in ticks since boot.
        ticks = int((_PROC / "stat").read_text().rpartition(")")[2].split()[19])
        since_boot = float(Path("/proc/uptime").read_text().split()[0])
        return since_boot - ticks / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return time.time() - _IMPORTED


def _usage(attribute: str, fields: dict[str, str]) -> CallbackT:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        if resource is None:
            return
        used = resource.getrusage(resource.RUSAGE_SELF)
        for value, field in fields.items():
            yield Observation(getattr(used, field), {attribute: value})

    return observe


def _collector(key: str) -> CallbackT:
    def observe(_: CallbackOptions) -> Iterable[Observation]:
        for generation, stats in enumerate(gc.get_stats()):
            yield Observation(stats[key], {"cpython.gc.generation": generation})

    return observe


class LoopLag:
    """How late the event loop runs what is due: `temponest.event_loop.lag` in seconds.

    A timer of each watched loop measures twice a second by how much it was called too late, which is how long
    some callback or coroutine kept the loop from everything else.
    """

    def __init__(self, meter: Meter) -> None:
        self._histogram: Histogram = meter.create_histogram(
            "temponest.event_loop.lag",
            "s",
            "How late the event loop ran a timer.",
            explicit_bucket_boundaries_advisory=_LAG_SECONDS,
        )
        self._watched: weakref.WeakSet[AbstractEventLoop] = weakref.WeakSet()

    def watch(self, loop: AbstractEventLoop) -> None:
        """Watch a loop, once; the timer ends with it."""
        if loop not in self._watched:
            self._watched.add(loop)
            self._schedule(loop)

    def _schedule(self, loop: AbstractEventLoop) -> None:
        loop.call_later(_LAG_EVERY, self._due, weakref.ref(loop), loop.time() + _LAG_EVERY)

    def _due(self, reference: weakref.ref[AbstractEventLoop], due: float) -> None:
        loop = reference()
        if loop is not None:
            self._histogram.record(max(0.0, loop.time() - due))
            self._schedule(loop)

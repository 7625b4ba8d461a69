"""What the nest does: its state at a moment, and a line of it for whoever reads its log."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import TypeAlias

import psutil

from .ingest.receiver import Receiver
from .store.limits import MIB
from .store.series.store import SeriesStore
from .store.store import Store

_log = logging.getLogger("temponest")

# Seconds from one line to the next.
INTERVAL = 60.0


@dataclass(frozen=True, slots=True)
class State:
    """The nest at one moment.

    Attributes:
        at: monotonic seconds.
        spans: made searchable since the start.
        logs: log records likewise.
        requests: acknowledged since the start.
        refused: requests refused since the start.
        refusal: why the last of them was, empty without any.
        queue_bytes: acknowledged and not yet searchable.
        memory_bytes: resident, of the whole process.
        disk_bytes: of the folder.
        oldest_seconds: age of the oldest span or log record kept, 0 without any.
    """

    at: float
    spans: int
    logs: int
    requests: int
    refused: int
    queue_bytes: int
    disk_bytes: int
    oldest_seconds: float = 0.0
    refusal: str = ""
    memory_bytes: int = 0

    @classmethod
    def of(cls, store: Store, series: SeriesStore, receiver: Receiver) -> State:
        """Now. Looks at the write-ahead log's files, so not on a thread that must not wait for a disk."""
        stats, counts = store.stats(), receiver.counts
        disk = stats.segment_bytes + stats.wal_bytes + series.disk_bytes
        return cls(
            time.monotonic(),
            stats.decoded_spans,
            stats.decoded_logs,
            counts.accepted,
            counts.refused,
            stats.queue_bytes,
            disk,
            max(0.0, time.time() - stats.oldest_ns / 1e9) if stats.oldest_ns else 0.0,
            counts.last_refusal,
            psutil.Process().memory_info().rss,
        )


# Shows the nest's state, which it asks for on another thread, until it is cancelled.
Watch: TypeAlias = Callable[[Callable[[], State]], Coroutine[None, None, None]]


def line(before: State, now: State) -> str:
    """What happened between two moments, and how the nest stands at the second."""
    seconds = max(now.at - before.at, 1e-9)
    return (
        f"accepted {(now.spans - before.spans) / seconds:,.0f} spans/s"
        f" and {(now.logs - before.logs) / seconds:,.0f} log records/s"
        f" in {(now.requests - before.requests) / seconds:,.1f} requests/s"
        f", refused {now.refused - before.refused:,}"
        f", queue {now.queue_bytes / MIB:,.1f} MiB, disk {now.disk_bytes / MIB:,.0f} MiB"
        f", oldest {age(now.oldest_seconds)}"
    )


def age(seconds: float) -> str:
    """In the largest unit of which there are two: what a person wants to know of it."""
    for unit, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


async def report(look: Callable[[], State]) -> None:
    """Log a line a minute until cancelled.

    Args:
        look: the state now; called on another thread.
    """
    before = await asyncio.to_thread(look)
    while True:
        await asyncio.sleep(INTERVAL)
        now = await asyncio.to_thread(look)
        _log.info(line(before, now))
        before = now

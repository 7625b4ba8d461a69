"""Every number that bounds the store, with its reason."""

from __future__ import annotations

from dataclasses import dataclass

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Limits:
    """What the store may use.

    Attributes:
        memory_bytes: what the whole process may hold. It needs 120 MB of that for itself; the queue and the
            recent buffer get fixed shares.
        disk_bytes: what segments and log may take; above it whole segments are dropped.
        retention_seconds: segments sealed longer ago are dropped; 0 keeps everything.
        seal_spans: spans in the recent buffer before they become a segment of two megabytes: one is scanned
            in milliseconds, 10 million spans are some 150, and writing one takes some 40 MB of memory.
        seal_seconds: age at which the recent buffer becomes a segment even when small, so that the log
            stays short and retention by age has something to drop.
        columns: attributes that get a typed column of their own in a segment; the others share one.
        linger_seconds: how long a body waits for company before it is decoded; a decoded batch costs
            milliseconds however small it is, and one second is allowed until a span is found.
    """

    memory_bytes: int = 300 * MIB
    disk_bytes: int = 10 * 1024 * MIB
    retention_seconds: int = 14 * 24 * 3600
    seal_spans: int = 64 * 1024
    seal_seconds: int = 3600
    columns: int = 200
    linger_seconds: float = 0.1

    @property
    def queue_bytes(self) -> int:
        """Bodies acknowledged and not yet decoded, at most; a fifth of a second of full load."""
        return self.memory_bytes // 16

    @property
    def batch_bytes(self) -> int:
        """Bodies decoded at once. Decoding takes five times their size while it lasts.

        Between any two steps its thread may wait for the interpreter; a large batch has fewer of them.
        """
        return min(8 * MIB, self.memory_bytes // 40)

    @property
    def recent_bytes(self) -> int:
        """Decoded spans before they are sealed, where attributes are huge; sealing takes thrice that."""
        return self.memory_bytes // 16

    @property
    def seal_bytes(self) -> int:
        """Bodies in the log before it is cut by sealing; a start reads that much again."""
        return max(self.batch_bytes, self.memory_bytes // 4)

    @property
    def filter_bytes(self) -> int:
        """Filters of segments kept in memory; 10 million spans have some 5 MB of them."""
        return self.memory_bytes // 24

    @property
    def log_file_bytes(self) -> int:
        """A log file is closed at this size, so that what is sealed can be deleted file by file."""
        return 64 * MIB

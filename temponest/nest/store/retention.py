"""Which segments are dropped, and why. Pure: entries in, victims out.

By age, a segment goes when the newest of it was sealed longer ago than the limit: what counts is when spans
arrived, so that an import of old traces stays as long as new ones do.

By bytes, the owner with the most bytes gives its oldest segment, until everything fits; spans and log records
of one service have two owners, so that much of one does not drive out the other. A service that made
more than three quarters of what was sealed together owns a segment of its own (see `seal.split`), the others
share theirs. So a noisy service evicts itself first, and can shorten the memory of others at most fourfold.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..model.signal import Signal
from .catalog import Entry


def too_old(entries: Sequence[Entry], now_ns: int, seconds: int) -> list[Entry]:
    """Segments sealed more than `seconds` ago; a clock that was set back makes nothing older."""
    if not seconds:
        return []
    return [entry for entry in entries if now_ns - entry.sealed_ns > seconds * 1_000_000_000]


def too_many(entries: Sequence[Entry], budget: int) -> list[Entry]:
    """Segments to drop until the others hold at most `budget` bytes."""
    by_owner: dict[tuple[Signal, str], list[Entry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.sealed_ns, reverse=True):
        by_owner.setdefault((entry.signal, entry.owner), []).append(entry)
    held = {owner: sum(entry.bytes for entry in owned) for owner, owned in by_owner.items()}
    victims: list[Entry] = []
    while sum(held.values()) > budget:
        owner = max(held, key=lambda owner: held[owner])
        victim = by_owner[owner].pop()
        held[owner] -= victim.bytes
        victims.append(victim)
    return victims

"""Which segments are joined. Pure: entries in, groups out."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from .catalog import Entry
from .limits import Limits

# Joining fewer would write the same spans again for little; segments that are a quarter full are left alone.
_FAN_IN = 4


def groups(entries: Sequence[Entry], limits: Limits) -> list[list[Entry]]:
    """Runs of small segments of one owner, neighbours in time, that together fit in one segment."""
    found: list[list[Entry]] = []
    by_owner = sorted(entries, key=lambda entry: (entry.signal, entry.owner, entry.name))
    for _, owned in groupby(by_owner, key=lambda entry: (entry.signal, entry.owner)):
        run: list[Entry] = []
        for entry in owned:
            small = entry.rows < limits.seal_spans // _FAN_IN and entry.bytes < limits.seal_bytes // _FAN_IN
            full = sum(one.rows for one in run) + entry.rows > limits.seal_spans
            if run and (not small or full):
                found.append(run)
                run = []
            if small:
                run.append(entry)
        found.append(run)
    return [run for run in found if len(run) >= _FAN_IN]

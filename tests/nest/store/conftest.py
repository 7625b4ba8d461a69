"""Stores for tests: small limits, so that a few spans do what millions do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from temponest.nest.model.signal import Signal
from temponest.nest.store.limits import Limits
from temponest.nest.store.store import Store

Open = Callable[..., Store]

IMPATIENT = Limits(linger_seconds=0.0)


@pytest.fixture
def open_store(tmp_path: Path) -> Iterator[Open]:
    """Opens and starts the store in the test's folder; what is still open is closed at the end."""
    opened: list[Store] = []

    def start(limits: Limits = IMPATIENT) -> Store:
        store = Store.open(tmp_path, limits=limits)
        opened.append(store)
        store.start()
        return store

    yield start
    for store in opened:
        store.close()


def keep(store: Store, *bodies: bytes) -> None:
    """Append bodies one by one and wait until they are durable and searchable."""
    for one in bodies:
        store.append(Signal.TRACES, one).result(timeout=60)
    store.flush()

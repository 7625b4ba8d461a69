"""One noisy service must not have the others refused."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from temponest.nest.ingest.split import split
from temponest.nest.model.signal import Signal
from temponest.nest.store.errors import Full
from temponest.nest.store.limits import MIB, Limits
from temponest.nest.store.owner import owner_of
from temponest.nest.store.store import Store
from tests.nest.ingest.messages import request


def body(service: str, size: int) -> bytes:
    message = request(b"t" * 16, text="x" * size)
    message.resource_spans[0].resource.attributes[0].value.string_value = service
    return message.SerializeToString()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """A store that keeps what it takes in its queue: nothing is decoded before the test ends."""
    return Store.open(tmp_path, limits=Limits(memory_bytes=12 * MIB, linger_seconds=60))


def fill(store: Store, service: str) -> int:
    """Admit a service's bodies until one is refused; how many were taken."""
    one = body(service, 50_000)
    for taken in range(1000):
        try:
            store._writer.room.take(one)
        except Full as full:
            return taken if full.cause == "share" else -1
    return 1000


def test_the_owner_is_read_from_the_first_resource() -> None:
    assert owner_of(body("shop", 10)) == b"shop"
    assert owner_of(request(b"t" * 16).SerializeToString()[20:]) == b""
    assert owner_of(b"") == b""


def test_parts_of_a_request_have_its_owner() -> None:
    assert {owner_of(part) for part in split(body("shop", 3000), 100)} == {b"shop"}


def test_a_quiet_service_is_taken_when_a_noisy_one_is_refused(store: Store) -> None:
    fill(store, "noisy")
    store._writer.room.take(body("quiet", 1000))


def test_many_noisy_services_leave_room_for_a_quiet_one(store: Store) -> None:
    for number in range(4):
        fill(store, f"noisy {number}")
    store._writer.room.take(body("quiet", 1000))


def test_room_is_given_back_to_whom_it_was_taken_from(store: Store) -> None:
    taken = fill(store, "noisy")
    for _ in range(taken):
        store._writer.room.give((body("noisy", 50_000),))
    assert fill(store, "noisy") == taken


def test_a_patient_body_gets_the_room_that_is_given_back(store: Store) -> None:
    fill(store, "noisy")
    one = body("noisy", 50_000)
    with ThreadPoolExecutor() as pool:
        waits = pool.submit(store._writer.room.take, one, 60)
        store._writer.room.give((one,))
        waits.result()


def test_the_store_takes_bodies_of_a_refused_service_again_once_they_are_decoded(tmp_path: Path) -> None:
    store = Store.open(tmp_path, limits=Limits(memory_bytes=12 * MIB))
    store.start()
    refused = 0
    for _ in range(40):
        try:
            store.append(Signal.TRACES, body("noisy", 50_000)).result()
        except Full:
            refused += 1
            store.flush()
    store.flush()
    assert store._writer.room.taken == 0
    store.append(Signal.TRACES, body("noisy", 50_000)).result()
    store.close()

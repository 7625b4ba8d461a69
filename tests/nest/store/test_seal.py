"""How a generation becomes segments."""

from __future__ import annotations

import os

import numpy as np
import pytest

from temponest.nest.store.arrange import arranged
from temponest.nest.store.arrays import columns_of
from temponest.nest.store.decode import Decoder
from temponest.nest.store.limits import Limits
from temponest.nest.store.schema import SPANS
from temponest.nest.store.seal import split

from .conftest import Open, keep
from .otlp import EPOCH, Given, body, trace_id


def owners(**spans: int) -> list[tuple[str, int]]:
    given = [Given(service=service) for service, count in spans.items() for _ in range(count)]
    return [(owner, table.num_rows) for owner, table in split(Decoder(10).decode([body(*given)]))]


@pytest.mark.parametrize(
    ("spans", "expected"),
    [
        ({"a": 10}, [("a", 10)]),
        ({"a": 75, "b": 25}, [("", 100)]),
        ({"a": 76, "b": 12, "c": 12}, [("a", 76), ("", 24)]),
        ({"a": 50, "b": 50}, [("", 100)]),
    ],
)
def test_a_service_with_more_than_three_quarters_gets_its_own(
    spans: dict[str, int], expected: list[tuple[str, int]]
) -> None:
    assert owners(**spans) == expected


def test_rows_lie_by_trace_and_traces_by_time() -> None:
    given = [
        Given(trace=1, span=1, start=EPOCH + 10),
        Given(trace=2, span=2, start=EPOCH),
        Given(trace=1, span=3, start=EPOCH + 5),
        Given(trace=2, span=4, start=EPOCH + 20),
    ]
    table = arranged(Decoder(10).decode([body(*given)]), SPANS)
    spans = [int.from_bytes(one) for one in columns_of(table, "span_id").to_pylist()]
    assert spans == [2, 4, 3, 1]


def test_arranging_keeps_every_row() -> None:
    dice = np.random.default_rng(1)
    given = [
        Given(trace=int(trace), span=span, start=EPOCH + int(start))
        for span, (trace, start) in enumerate(dice.integers(1, 20, (200, 2)), 1)
    ]
    table = Decoder(10).decode([body(*given)])
    assert sorted(arranged(table, SPANS).column("span_id").to_pylist()) == sorted(
        table.column("span_id").to_pylist()
    )


def test_a_noisy_service_does_not_evict_a_quiet_one(open_store: Open) -> None:
    store = open_store(Limits(linger_seconds=0.0, disk_bytes=100_000))
    keep(store, body(Given(trace=1, service="quiet"), *noise(2, 20)))
    store.seal()
    for number in range(3, 20):
        keep(store, body(*noise(number, 100)))
        store.seal()
    assert store.stats().segment_bytes <= 100_000
    assert store.spans.traces([trace_id(1)], lambda: False)
    assert not store.spans.traces([trace_id(2)], lambda: False)


def noise(trace: int, spans: int) -> list[Given]:
    return [
        Given(trace=trace, span=span, service="noisy", attributes={"x": os.urandom(60).hex()})
        for span in range(1, spans + 1)
    ]

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from temponest.nest import state
from temponest.nest.ingest.errors import busy
from temponest.nest.ingest.receiver import Receiver
from temponest.nest.model.signal import Signal
from temponest.nest.state import State, line, report
from temponest.nest.store.limits import MIB
from temponest.nest.store.series.store import SeriesStore
from temponest.nest.store.store import Store

IDLE = State(at=100.0, spans=1000, logs=40, requests=10, refused=1, queue_bytes=0, disk_bytes=5 * MIB)
LATER = State(
    at=160.0,
    spans=601_000,
    logs=1_240,
    requests=100,
    refused=3,
    queue_bytes=3 * MIB // 2,
    disk_bytes=2048 * MIB,
    oldest_seconds=3 * 86_400.0,
)


def test_a_line_says_rates_and_how_full_the_nest_is() -> None:
    assert line(IDLE, LATER) == (
        "accepted 10,000 spans/s and 20 log records/s in 1.5 requests/s, refused 2, queue 1.5 MiB,"
        " disk 2,048 MiB, oldest 3 days"
    )


def test_a_state_is_that_of_the_store_and_of_the_receiver(tmp_path: Path) -> None:
    store = Store.open(tmp_path)
    series = SeriesStore(tmp_path / "series", disk_bytes=10**9, retention_seconds=0)
    store.start()
    receiver = Receiver(store)
    request = ExportTraceServiceRequest()
    request.resource_spans.add().scope_spans.add().spans.add(trace_id=b"t" * 16, span_id=b"s" * 8)
    receiver.accept(Signal.TRACES, request.SerializeToString())[0].result()
    receiver.count(None)
    receiver.count(busy("full", 1.0, "queue"))
    store.flush()
    state = State.of(store, series, receiver)
    assert (state.spans, state.requests, state.refused, state.queue_bytes) == (1, 1, 1, 0)
    assert state.disk_bytes > 0
    assert state.memory_bytes > 0
    assert state.refusal == "full"
    store.close()


def test_each_line_covers_the_time_since_the_one_before(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(state, "INTERVAL", 0)
    states = [IDLE, LATER, LATER]

    def look() -> State:
        if not states:
            raise EOFError
        return states.pop(0)

    with caplog.at_level(logging.INFO, "temponest"), pytest.raises(EOFError):
        asyncio.run(report(look))
    assert [record.message for record in caplog.records] == [line(IDLE, LATER), line(LATER, LATER)]

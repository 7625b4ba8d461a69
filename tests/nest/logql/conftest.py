"""A shop's log records, in memory and in a segment: every answer is the same from both."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from temponest.nest.logql.engine import Engine
from temponest.nest.model.signal import Signal
from temponest.nest.store.limits import Limits
from temponest.nest.store.store import Store

from ..store.otlp import EPOCH, SECOND, GivenLog, log_body

RECORDS = [
    GivenLog(
        "user 1 logged in",
        EPOCH,
        service="auth",
        trace=1,
        span=11,
        attributes={"http.route": "/login", "n": 1},
        resource={"deployment.environment.name": "test", "host.name": "a"},
    ),
    GivenLog(
        '{"level":"warn","took":"250ms","size":"2KB","user":{"id":7,"name":"ann"},"tags":["x"]}',
        EPOCH + 10 * SECOND,
        service="shop",
        severity=13,
        severity_text="WARNING",
        trace=1,
        span=12,
    ),
    GivenLog(
        'level=error msg="card refused" took=1.5s empty= status=402',
        EPOCH + 20 * SECOND,
        service="shop",
        severity=0,
        severity_text="err",
        trace=2,
    ),
    GivenLog(
        "10.0.0.1 - GET /cart 200",
        EPOCH + 30 * SECOND,
        service="shop",
        severity=0,
        attributes={"level": "debug"},
    ),
    GivenLog(
        {"order": {"id": 5}},
        EPOCH + 40 * SECOND,
        service="shop",
        severity=9,
        event_name="order.placed",
        attributes={"peer": {"name": "db"}, "list": ("a", "b")},
    ),
    GivenLog(None, EPOCH + 50 * SECOND, service="worker", severity=0),
]


@pytest.fixture(scope="module", params=["recent", "sealed", "both"])
def engine(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    store = Store.open(tmp_path_factory.mktemp("logs"), limits=Limits(linger_seconds=0.0))
    store.start()
    for number, record in enumerate(RECORDS):
        store.append(Signal.LOGS, log_body(record)).result(timeout=60)
        if request.param == "both" and number == len(RECORDS) // 2:
            store.seal()
    store.flush()
    if request.param == "sealed":
        store.seal()
    yield Engine(store.logs)
    store.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path

"""A question that would read everything ends at its limit of time, or when its client leaves, and says so."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette

from temponest.nest.api import jaeger, loki, prometheus
from temponest.nest.api.server import Security
from temponest.nest.model.fetch import FetchRequest
from temponest.nest.model.log import LogBatch, LogRequest
from temponest.nest.model.series import Exemplar, Labels, Matcher, Metadata, Series
from temponest.nest.model.source import CancelCheck, CancelledError, Edge, Operation
from temponest.nest.model.span import Resource, Span
from temponest.nest.questions import traces
from tests.nest.make import T0, span, two_services
from tests.nest.memory_source import MemorySource
from tests.nest.serving import serving


class _Endless(MemorySource):
    """Spans, series and logs without end: every question ends only when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.stopped = threading.Event()

    def _read(self, cancelled: CancelCheck) -> CancelledError:
        while not cancelled():
            self.stopped.wait(0.001)
        self.stopped.set()
        return CancelledError()

    def search(self, _: FetchRequest, cancelled: CancelCheck) -> Iterator[list[bytes]]:
        raise self._read(cancelled)

    def traces(self, _: Sequence[bytes], cancelled: CancelCheck) -> dict[bytes, list[Span]]:
        raise self._read(cancelled)

    def services(self, cancelled: CancelCheck) -> list[str]:
        raise self._read(cancelled)

    def operations(self, _: str, cancelled: CancelCheck) -> list[Operation]:
        raise self._read(cancelled)

    def edges(self, _: int, _end_ns: int, cancelled: CancelCheck) -> list[Edge]:
        raise self._read(cancelled)

    def select(
        self, _: Sequence[Matcher], _start_ms: int, _end_ms: int, cancelled: CancelCheck, _most: int = 0
    ) -> list[Series]:
        raise self._read(cancelled)

    def series(
        self, _: Sequence[Matcher], _start_ms: int, _end_ms: int, cancelled: CancelCheck
    ) -> list[Labels]:
        raise self._read(cancelled)

    def exemplars(
        self, _: Sequence[Matcher], _start_ms: int, _end_ms: int, cancelled: CancelCheck
    ) -> list[Exemplar]:
        raise self._read(cancelled)

    def metadata(self) -> dict[str, Metadata]:
        return {}

    def logs(self, _: LogRequest, cancelled: CancelCheck) -> Iterator[LogBatch]:
        raise self._read(cancelled)

    def resources(self, _: int, _end_ns: int, cancelled: CancelCheck) -> list[Resource]:
        raise self._read(cancelled)


Make = Callable[[Any, Security], Starlette]
SELECTOR = '{service_name=~".+"}'
JAEGER = [
    "/api/services",
    "/api/services/web/operations",
    "/api/operations?service=web",
    "/api/traces/1",
    "/api/traces?traceID=1",
    "/api/dependencies",
    "/api/v3/services",
    "/api/v3/operations?service=web",
    "/api/v3/traces/1",
]
PROMETHEUS = [
    "/api/v1/query?query=up",
    "/api/v1/query_range?query=up&start=1&end=2&step=1",
    "/api/v1/query_exemplars?query=up",
    "/api/v1/series?match[]=up",
    "/api/v1/labels",
    "/api/v1/label/job/values",
]
LOKI = [
    f"/loki/api/v1/query?query=count_over_time({SELECTOR}[1m])",
    f"/loki/api/v1/query_range?query={SELECTOR}",
    "/loki/api/v1/labels",
    "/loki/api/v1/label/service_name/values",
    "/loki/api/v1/series",
]
EVERY: list[tuple[Make, str]] = [
    *((jaeger.create_app, path) for path in (*JAEGER, "/api/traces?service=web")),
    *((prometheus.create_app, path) for path in PROMETHEUS),
    *((loki.create_app, path) for path in LOKI),
]


@pytest.mark.parametrize(("make", "path"), EVERY, ids=[path for _, path in EVERY])
def test_a_question_ends_when_its_client_leaves(make: Make, path: str) -> None:
    source = _Endless()
    with serving(make(source, Security(query_seconds=600))) as client:
        with pytest.raises(httpx.ReadTimeout):
            client.get(path, timeout=0.2)
        assert source.stopped.wait(30)


@pytest.mark.parametrize("path", JAEGER)
def test_jaegers_error_says_that_the_time_is_over(path: str) -> None:
    with serving(jaeger.create_app(_Endless(), Security(query_seconds=0))) as client:
        reply = client.get(path)
    assert reply.status_code == 503
    body = reply.json()
    error = body["error"] if "/v3/" in path else body["errors"][0]
    assert (error.get("httpCode") or error["code"]) == 503
    assert "out of time: a question may take 0 s; ask for" in (error.get("message") or error["msg"])


@pytest.mark.parametrize("path", PROMETHEUS)
def test_prometheus_error_says_that_the_time_is_over(path: str) -> None:
    with serving(prometheus.create_app(_Endless(), Security(query_seconds=0))) as client:
        reply = client.get(path)
    assert reply.status_code == 503
    body = reply.json()
    assert (body["status"], body["errorType"]) == ("error", "timeout")
    assert "ask for" in body["error"]


@pytest.mark.parametrize("path", LOKI)
def test_lokis_error_says_that_the_time_is_over(path: str) -> None:
    with serving(loki.create_app(_Endless(), Security(query_seconds=0))) as client:
        reply = client.get(path)
    assert (reply.status_code, reply.headers["content-type"]) == (503, "text/plain; charset=utf-8")
    assert "out of time" in reply.text
    assert "ask for" in reply.text


def test_a_search_of_jaeger_gives_what_it_found_in_its_time_and_says_so() -> None:
    with serving(jaeger.create_app(_Endless(), Security(query_seconds=0))) as client:
        reply = client.get("/api/traces", params={"service": "web"})
    assert (reply.status_code, reply.json()["data"]) == (200, [])
    assert reply.headers["TempoNest-Cut-Off"] == "time"


def test_a_search_of_jaeger_stops_at_a_number_of_spans_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "MAX_SPANS", 50)
    many = [span(number, 1, 0, "GET", service="web", at=number) for number in range(10, 200)]
    with serving(jaeger.create_app(MemorySource([*two_services(), *many]), Security())) as client:
        params = {"service": "web", "start": str(T0 // 1000 - 1), "end": str(T0 // 1000 + 10**9)}
        reply = client.get("/api/traces", params={**params, "limit": "1000"})
        few = client.get("/api/traces", params={**params, "limit": "10"})
    assert 50 <= len(reply.json()["data"]) < 190
    assert reply.headers["TempoNest-Cut-Off"] == "size"
    assert few.headers["TempoNest-Cut-Off"] == "limit"

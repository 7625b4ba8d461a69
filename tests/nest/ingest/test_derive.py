from __future__ import annotations

import secrets
from pathlib import Path
from unittest.mock import Mock

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from temponest.nest.ingest import derive
from temponest.nest.ingest.derive import Derived
from temponest.nest.ingest.service_graph import ServiceGraph
from temponest.nest.model.series import Matcher, MatchOperator
from temponest.nest.model.signal import Signal
from temponest.nest.store.limits import Limits
from temponest.nest.store.series.store import SeriesStore
from temponest.nest.store.store import Store

MILLISECOND = 1_000_000
SERVER, CLIENT = 2, 3


class Nest:
    """A store whose spans are counted."""

    def __init__(self, folder: Path) -> None:
        self.store = Store.open(folder, limits=Limits())
        self.series = SeriesStore(folder / "series", disk_bytes=10**9, retention_seconds=0)
        self.derived = Derived(self.series)
        self.store.on_decoded(self.derived.take, covered=self.derived.covered)
        self.store.start()

    def receive(self, request: ExportTraceServiceRequest) -> None:
        self.store.append(Signal.TRACES, request.SerializeToString()).result()

    def newest(self, name: str) -> dict[tuple[tuple[str, str], ...], float]:
        """The latest value of each series of a metric, without its name."""
        self.store.flush()
        self.derived.emit()
        found = self.series.select([Matcher("__name__", MatchOperator.EQ, name)], 0, 2**62, lambda: False)
        return {
            tuple(pair for pair in series.labels if pair[0] != "__name__"): series.values[-1]
            for series in found
        }


def span(
    request: ExportTraceServiceRequest,
    service: str,
    kind: int,
    span_id: bytes,
    parent: bytes = b"",
    *,
    trace_id: bytes,
    failed: bool = False,
    system: str = "",
    milliseconds: int = 30,
) -> None:
    group = request.resource_spans.add()
    group.resource.attributes.add(key="service.name").value.string_value = service
    added = group.scope_spans.add().spans.add(
        trace_id=trace_id,
        span_id=span_id,
        parent_span_id=parent,
        name="GET /",
        kind=kind,
        start_time_unix_nano=1_700_000_000 * 10**9,
        end_time_unix_nano=1_700_000_000 * 10**9 + milliseconds * MILLISECOND,
    )
    if failed:
        added.status.code = Status.STATUS_CODE_ERROR
    if system:
        added.attributes.add(key="db.system.name").value.string_value = system


def call(*, failed: bool = False) -> tuple[ExportTraceServiceRequest, ExportTraceServiceRequest]:
    """A request from front to back, as each of the two reports it."""
    trace_id, client, server = secrets.token_bytes(16), secrets.token_bytes(8), secrets.token_bytes(8)
    front, back = ExportTraceServiceRequest(), ExportTraceServiceRequest()
    span(front, "front", CLIENT, client, trace_id=trace_id)
    span(back, "back", SERVER, server, client, trace_id=trace_id, failed=failed, milliseconds=20)
    return front, back


def test_spans_are_counted_by_service_name_kind_and_status(tmp_path: Path) -> None:
    nest = Nest(tmp_path)
    for failed in (False, False, True):
        for half in call(failed=failed):
            nest.receive(half)
    back = (("service", "back"), ("span_kind", "SPAN_KIND_SERVER"), ("span_name", "GET /"))
    calls = nest.newest("traces_spanmetrics_calls_total")
    assert calls[(*back, ("status_code", "STATUS_CODE_UNSET"))] == 2
    assert calls[(*back, ("status_code", "STATUS_CODE_ERROR"))] == 1
    buckets = nest.newest("traces_spanmetrics_latency_bucket")
    unset = (*back, ("status_code", "STATUS_CODE_UNSET"))
    assert [buckets[(("le", le), *unset)] for le in ("0.01", "0.025", "+Inf")] == [0, 2, 2]
    nest.store.close()


def test_a_client_and_its_server_are_one_request_whoever_reports_first(tmp_path: Path) -> None:
    nest = Nest(tmp_path)
    for halves in (call(), reversed(call(failed=True))):
        for half in halves:
            nest.receive(half)
    edge = (("client", "front"), ("server", "back"))
    assert nest.newest("traces_service_graph_request_total") == {edge: 2}
    assert nest.newest("traces_service_graph_request_failed_total") == {edge: 1}
    assert nest.newest("traces_service_graph_request_server_seconds_sum")[edge] == 0.04
    assert nest.newest("traces_service_graph_request_client_seconds_sum")[edge] == 0.06
    nest.store.close()


def test_a_batch_may_hold_both_sides_of_a_request(tmp_path: Path) -> None:
    nest = Nest(tmp_path)
    front, back = call(failed=True)
    front.MergeFrom(back)
    nest.receive(front)
    edge = (("client", "front"), ("server", "back"))
    assert nest.newest("traces_service_graph_request_total") == {edge: 1}
    assert nest.newest("traces_service_graph_request_failed_total") == {edge: 1}
    assert nest.newest("traces_service_graph_request_server_seconds_sum")[edge] == 0.02
    assert nest.newest("traces_service_graph_request_client_seconds_sum")[edge] == 0.03
    nest.store.close()


def test_a_database_is_a_server_without_spans_of_its_own(tmp_path: Path) -> None:
    nest = Nest(tmp_path)
    request = ExportTraceServiceRequest()
    span(request, "front", CLIENT, b"12345678", trace_id=bytes(15) + b"1", system="postgresql")
    nest.receive(request)
    assert nest.newest("traces_service_graph_request_total") == {
        (("client", "front"), ("connection_type", "database"), ("server", "postgresql")): 1
    }
    nest.store.close()


def test_a_new_series_begins_with_zero(tmp_path: Path) -> None:
    nest = Nest(tmp_path)
    nest.receive(call()[0])
    nest.newest("traces_spanmetrics_calls_total")
    matchers = [Matcher("__name__", MatchOperator.EQ, "traces_spanmetrics_calls_total")]
    (series,) = nest.series.select(matchers, 0, 2**62, lambda: False)
    assert list(series.values) == [0.0, 1.0]
    nest.store.close()


def test_spans_in_a_durable_sample_are_not_counted_again_and_others_are(tmp_path: Path) -> None:
    nest = Nest(tmp_path)
    nest.receive(call()[0])
    nest.newest("traces_spanmetrics_calls_total")
    nest.series.seal()
    nest.receive(call()[0])
    nest.store.close()

    again = Nest(tmp_path)
    assert list(again.newest("traces_spanmetrics_calls_total").values()) == [1]
    again.store.close()


def test_spans_that_wait_to_be_counted_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(derive, "COUNTED_AT_ONCE", 2)
    nest = Nest(tmp_path)
    for half in call():
        nest.receive(half)
    nest.store.flush()
    assert nest.derived._uncounted == []
    assert sum(nest.newest("traces_spanmetrics_calls_total").values()) == 2
    nest.store.close()


def test_batches_with_and_without_a_database_are_counted_together(tmp_path: Path) -> None:
    nest = Nest(tmp_path)
    request = ExportTraceServiceRequest()
    span(request, "front", CLIENT, b"12345678", trace_id=bytes(15) + b"1", system="redis")
    for one in (*call(), request):
        nest.receive(one)
        nest.store.flush()
    edges = nest.newest("traces_service_graph_request_total")
    assert sorted(dict(edge)["server"] for edge in edges) == ["back", "redis"]
    nest.store.close()


def test_what_fails_to_be_counted_holds_back_neither_spans_nor_the_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nest = Nest(tmp_path)
    monkeypatch.setattr(ServiceGraph, "add", Mock(side_effect=ValueError("broken")))
    nest.receive(call()[0])
    assert sum(nest.newest("traces_spanmetrics_calls_total").values()) == 1
    nest.series.seal()
    assert nest.derived.covered() == 1
    assert nest.store.stats().decoded_spans == 1
    nest.store.close()

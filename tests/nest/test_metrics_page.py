from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.responses import PlainTextResponse
from starlette.testclient import TestClient

from temponest.nest.api.observe import Durations, Observed
from temponest.nest.api.server import Security
from temponest.nest.ingest.errors import too_much
from temponest.nest.ingest.receiver import Receiver
from temponest.nest.metrics_page import Sources, text
from temponest.nest.model.signal import Signal
from temponest.nest.store.limits import Limits
from temponest.nest.store.series.store import SeriesStore
from temponest.nest.store.store import Store
from tests.nest.ingest.messages import request


@pytest.fixture
def sources(tmp_path: Path) -> Iterator[Sources]:
    store = Store.open(tmp_path)
    series = SeriesStore(tmp_path / "series", disk_bytes=10**9, retention_seconds=0)
    store.start()
    yield Sources(store, series, Receiver(store), Durations(), Limits())
    store.close()


def samples(page: str) -> dict[str, float]:
    """Values by name and labels as written."""
    lines = (line.rpartition(" ") for line in page.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in lines}


def test_the_page_tells_what_was_taken_and_why_the_rest_was_refused(sources: Sources) -> None:
    body = request(b"t" * 16, spans=3).SerializeToString()
    sources.receiver.accept(Signal.TRACES, body)[0].result()
    sources.receiver.count(None)
    sources.receiver.count(too_much("later", 1.0, "memory"))
    sources.store.seal()
    found = samples(text(sources))
    assert found["temponest_spans_total"] == 3
    assert found["temponest_requests_accepted_total"] == 1
    assert found['temponest_requests_refused_total{reason="memory"}'] == 1
    assert found["temponest_received_bytes_total"] == len(body)
    assert found["temponest_queue_bytes"] == 0
    assert (found["temponest_segments"], found["temponest_segment_spans"]) == (1, 3)
    assert found['temponest_disk_bytes{part="segments"}'] > 0
    assert found["temponest_oldest_timestamp_seconds"] == 1_700_000_000
    assert found["process_resident_memory_bytes"] > 0


def test_answers_are_timed_by_api_and_counted_by_status(sources: Sources) -> None:
    durations = sources.durations
    app = PlainTextResponse("no", status_code=404)
    client = TestClient(
        Observed(app, "tempo", durations, lambda: text(sources), Security()), base_url="http://localhost"
    )
    assert client.get("/api/traces/1").status_code == 404
    durations.add("tempo", 200, 0.2)
    found = samples(client.get("/metrics").text)
    assert found['temponest_queries_total{api="tempo",code="404"}'] == 1
    assert found['temponest_query_duration_seconds_bucket{api="tempo",le="0.1"}'] == 1
    assert found['temponest_query_duration_seconds_bucket{api="tempo",le="0.3"}'] == 2
    assert found['temponest_query_duration_seconds_count{api="tempo"}'] == 2


def test_metrics_ask_for_the_token_too(sources: Sources) -> None:
    app = Observed(
        PlainTextResponse("ok"), "tempo", sources.durations, lambda: "page", Security(token="secret")
    )
    client = TestClient(app, base_url="http://localhost")
    assert client.get("/metrics").status_code == 401
    assert client.get("/metrics", headers={"authorization": "Bearer secret"}).text == "page"


def test_every_sample_belongs_to_a_described_metric(sources: Sources) -> None:
    sources.durations.add("tempo", 200, 0.2)
    page = text(sources)
    described = {line.split()[2] for line in page.splitlines() if line.startswith("# HELP")}
    typed = {line.split()[2] for line in page.splitlines() if line.startswith("# TYPE")}
    bases = {name.partition("{")[0] for name in samples(page)}
    for suffix in ("_bucket", "_sum", "_count"):
        bases = {name.removesuffix(suffix) for name in bases}
    assert described == typed
    assert bases <= described


def test_a_browser_gets_the_page_of_metrics_where_there_is_one(sources: Sources) -> None:
    app = PlainTextResponse("the page")
    client = TestClient(
        Observed(app, "pages", sources.durations, lambda: "figures", Security(), shown=True),
        base_url="http://localhost",
    )
    html = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
    assert client.get("/metrics?range=5m", headers=html).text == "the page"
    assert client.get("/metrics").text == "figures"
    alone = TestClient(
        Observed(app, "tempo", sources.durations, lambda: "figures", Security()), base_url="http://localhost"
    )
    assert alone.get("/metrics", headers=html).text == "figures"

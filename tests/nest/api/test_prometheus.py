from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from temponest.nest.api.prometheus import create_app
from temponest.nest.model.series import Exemplar, Histogram, Labels, Metadata
from temponest.nest.store.series.store import SeriesStore

API: Labels = (("__name__", "requests_total"), ("job", "api"))
WEB: Labels = (("__name__", "requests_total"), ("job", "web"))
NATIVE: Labels = (("__name__", "took_seconds"),)
DOTTED: Labels = (("__name__", "other"), ("k8s.pod", "one"))
MINUTE = 60_000


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    series = SeriesStore(tmp_path / "series", disk_bytes=10**9, retention_seconds=0)
    for index in range(11):
        series.add(API, index * MINUTE, index * 60.0)
        series.add(WEB, index * MINUTE, index * 30.0)
    series.add(DOTTED, MINUTE, float("nan"))
    series.add_histogram(NATIVE, MINUTE, Histogram(6, 9.5, 0, 0.25, 1, {1: 2, 2: 1}, {0: 2}))
    series.add(NATIVE, 2 * MINUTE, 4.0)
    series.describe("requests_total", Metadata("counter", "Requests", ""))
    series.add_exemplar(Exemplar(API, (("trace_id", "ab"),), 0.25, 5 * MINUTE))
    with TestClient(create_app(series), base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


def data(client: TestClient, path: str, **params: Any) -> Any:
    answer = client.get(f"/api/v1/{path}", params=params)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "success"
    return answer.json()["data"]


def test_grafana_finds_the_server_alive(client: TestClient) -> None:
    found = data(client, "query", query="1+1", time="4")
    assert found == {"resultType": "scalar", "result": [4.0, "2"]}
    assert data(client, "status/buildinfo")["version"].startswith("3.")
    assert "features" not in data(client, "status/buildinfo")


def test_a_query_comes_as_a_form_too(client: TestClient) -> None:
    answer = client.post("/api/v1/query", data={"query": "sum(requests_total)", "time": "600"})
    assert answer.json()["data"] == {
        "resultType": "vector",
        "result": [{"metric": {}, "value": [600.0, "900"]}],
    }


def test_a_range_has_a_value_a_step(client: TestClient) -> None:
    found = data(
        client,
        "query_range",
        query='rate(requests_total{job="api"}[5m])',
        start="300",
        end="600",
        step="2m30s",
    )
    assert found == {
        "resultType": "matrix",
        "result": [{"metric": {"job": "api"}, "values": [[300.0, "1"], [450.0, "1"], [600.0, "1"]]}],
    }


def test_numbers_that_json_does_not_know_are_text(client: TestClient) -> None:
    results = [data(client, "query", query=query)["result"][1] for query in ("0/0", "1/0", "-1/0")]
    assert results == ["NaN", "+Inf", "-Inf"]


def test_times_are_seconds_or_rfc_3339_and_now_by_default(client: TestClient) -> None:
    assert data(client, "query", query="time()", time="1970-01-01T00:01:00Z")["result"][1] == "60"
    assert float(data(client, "query", query="time()")["result"][1]) == pytest.approx(time.time(), abs=60)


def window(start: str, end: str, step: str) -> dict[str, str]:
    return {"query": "x", "start": start, "end": end, "step": step}


@pytest.mark.parametrize(
    ("path", "params", "status", "kind", "words"),
    [
        ("query", {"query": "rate(x)"}, 400, "bad_data", "expected type range vector"),
        ("query", {"query": ""}, 400, "bad_data", "'query' is missing"),
        ("query", {"query": "x", "time": "tomorrow"}, 400, "bad_data", "seconds or RFC 3339"),
        ("query", {"query": "x", "time": "inf"}, 400, "bad_data", "seconds or RFC 3339"),
        (
            "query_range",
            window("0", "1", "0"),
            400,
            "bad_data",
            "zero or negative",
        ),
        ("query_range", window("0", "1", "x"), 400, "bad_data", "duration"),
        (
            "query_range",
            window("0", "99999", "1"),
            400,
            "bad_data",
            "11,000 points",
        ),
        (
            "query_range",
            window("9", "1", "1"),
            400,
            "bad_data",
            "before start",
        ),
        ("series", {}, 400, "bad_data", "'match[]' is missing"),
        ("labels", {"limit": "few"}, 400, "bad_data", "'limit' must be a number"),
        (
            "query",
            {"query": "requests_total * on() requests_total", "time": "60"},
            422,
            "execution",
            "many-to-many matching not allowed",
        ),
    ],
)
def test_an_error_has_prometheus_shape_and_says_what_is_wrong(
    client: TestClient, path: str, params: dict[str, str], status: int, kind: str, words: str
) -> None:
    answer = client.get(f"/api/v1/{path}", params=params)
    assert (answer.status_code, answer.json()["status"], answer.json()["errorType"]) == (
        status,
        "error",
        kind,
    )
    assert words in answer.json()["error"]


def test_labels_values_and_series_are_listed(client: TestClient) -> None:
    assert data(client, "labels") == ["__name__", "job", "k8s.pod"]
    assert data(client, "labels", **{"match[]": "requests_total"}) == ["__name__", "job"]
    assert data(client, "label/job/values") == ["api", "web"]
    assert data(client, "label/job/values", limit=1) == ["api"]
    assert data(client, "series", **{"match[]": '{job="web"}'}) == [dict(WEB)]


def test_a_label_with_other_characters_is_reached_by_its_escaped_name(client: TestClient) -> None:
    assert data(client, "label/U__k8s_2e_pod/values") == ["one"]


def test_labels_outside_of_the_window_are_left_out(client: TestClient) -> None:
    assert data(client, "label/job/values", start="3600", end="7200") == []


def test_metadata_says_what_a_metric_is(client: TestClient) -> None:
    assert data(client, "metadata") == {
        "requests_total": [{"type": "counter", "help": "Requests", "unit": ""}]
    }


def test_exemplars_lead_to_traces(client: TestClient) -> None:
    found = data(client, "query_exemplars", query="rate(requests_total[5m])", start="0", end="600")
    exemplar = {"labels": {"trace_id": "ab"}, "value": "0.25", "timestamp": 300.0}
    assert found == [{"seriesLabels": dict(API), "exemplars": [exemplar]}]


def test_grafana_asks_for_exemplars_in_milliseconds_at_first(client: TestClient) -> None:
    assert data(client, "query_exemplars", query="test", start="1795408000000", end="1795408000000") == []


def test_there_are_no_rules_and_no_alerts(client: TestClient) -> None:
    assert data(client, "rules") == {"groups": []}
    assert data(client, "alerts") == {"alerts": []}


SHAPE = {
    "count": "6",
    "sum": "9.5",
    # Which bounds are in: 1 the lower one, 3 both, 0 the upper one.
    "buckets": [
        [1, "-1", "-0.5", "2"],
        [3, "-0.25", "0.25", "1"],
        [0, "1", "2", "2"],
        [0, "2", "4", "1"],
    ],
}


def test_a_native_histogram_has_prometheus_shape(client: TestClient) -> None:
    found = data(client, "query", query="took_seconds", time="60")
    assert found["result"] == [{"metric": dict(NATIVE), "histogram": [60.0, SHAPE]}]


def test_a_series_of_numbers_and_native_histograms_has_both(client: TestClient) -> None:
    found = data(client, "query_range", query="took_seconds", start="60", end="120", step="60")
    assert found["result"] == [
        {"metric": dict(NATIVE), "values": [[120.0, "4"]], "histograms": [[60.0, SHAPE]]}
    ]


def test_warnings_and_infos_stand_beside_the_answer(client: TestClient) -> None:
    answer = client.get("/api/v1/query", params={"query": "rate(took_seconds[2m])", "time": "120"}).json()
    assert answer["warnings"] == [
        'PromQL warning: encountered a mix of histograms and floats for metric name "took_seconds" (1:6)'
    ]
    assert "infos" not in answer
    answer = client.get("/api/v1/query", params={"query": "max(took_seconds)", "time": "60"}).json()
    assert answer["infos"] == ["PromQL info: ignored histogram in max aggregation (1:5)"]
    assert "warnings" not in answer

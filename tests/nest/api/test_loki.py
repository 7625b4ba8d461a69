"""Loki's HTTP API over the nest's log records, as Grafana's data source and logcli ask it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from starlette.testclient import TestClient

from temponest.nest.api.loki import create_app
from temponest.nest.api.server import Security
from temponest.nest.model.signal import Signal
from temponest.nest.store.limits import Limits
from temponest.nest.store.store import Store

from ..store.otlp import EPOCH, SECOND, GivenLog, log_body

S = EPOCH // SECOND
AUTH = '{service_name="auth"}'
WINDOW = {"start": str(S), "end": str(S + 60)}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    folder: Path = tmp_path_factory.mktemp("loki")
    store = Store.open(folder, limits=Limits(linger_seconds=0.0))
    store.start()
    records = [
        GivenLog("first", EPOCH, trace=1, resource={"service.namespace": "shop"}),
        GivenLog("second", EPOCH + SECOND, severity=17, resource={"service.namespace": "shop"}),
        GivenLog('{"level":"info"}', EPOCH + 2 * SECOND, service="agents"),
    ]
    store.append(Signal.LOGS, log_body(*records)).result(timeout=60)
    store.flush()
    yield store
    store.close()


@pytest.fixture
def client(store: Store) -> Iterator[TestClient]:
    app = create_app(store.logs)
    with TestClient(app, base_url="http://localhost", raise_server_exceptions=False) as client:
        yield client


def data(client: TestClient, path: str, headers: Any = None, **params: Any) -> Any:
    answer = client.get(f"/loki/api/v1/{path}", params=params, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.json()["status"] == "success"
    return answer.json()["data"]


def test_grafana_finds_the_server_alive(client: TestClient) -> None:
    found = data(client, "query", query="vector(1)+vector(1)", time=str(EPOCH))
    assert found["resultType"] == "vector"
    assert found["result"] == [{"metric": {}, "value": [EPOCH / SECOND, "2"]}]
    assert client.get("/loki/api/v1/status/buildinfo").json()["version"].startswith("3.")
    assert client.get("/ready").text == "ready\n"


def test_lines_come_newest_first_by_stream_with_every_label(client: TestClient) -> None:
    found = data(client, "query_range", query=AUTH, **WINDOW)
    assert found["resultType"] == "streams"
    assert [value for stream in found["result"] for value in stream["values"]] == [
        [str(EPOCH + SECOND), "second"],
        [str(EPOCH), "first"],
    ]
    assert found["result"][1]["stream"] == {
        "detected_level": "info",
        "scope_name": "tests",
        "scope_version": "1",
        "service_name": "auth",
        "service_namespace": "shop",
        "severity_number": "9",
        "trace_id": "00000000000000000000000000000001",
    }


def test_a_client_that_can_gets_the_kinds_of_labels_apart(client: TestClient) -> None:
    found = data(
        client,
        "query_range",
        headers={"X-Loki-Response-Encoding-Flags": "categorize-labels"},
        query='{service_name="agents"} | json | keep level, service_name, detected_level',
        **WINDOW,
    )
    assert found["encodingFlags"] == ["categorize-labels"]
    assert found["result"] == [
        {
            "stream": {"service_name": "agents"},
            "values": [
                [
                    str(EPOCH + 2 * SECOND),
                    '{"level":"info"}',
                    {"structuredMetadata": {"detected_level": "info"}, "parsed": {"level": "info"}},
                ]
            ],
        }
    ]


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (str(EPOCH), str(EPOCH + SECOND)),
        (str(S), str(S + 1)),
        (f"{S}.0", f"{S}.5"),
        ("2023-11-14T22:13:20Z", "2023-11-14T22:13:20.000000001Z"),
    ],
)
def test_times_are_seconds_nanoseconds_or_rfc_3339(client: TestClient, start: str, end: str) -> None:
    found = data(client, "query_range", query=AUTH, start=start, end=end)
    assert [stream["values"][0][1] for stream in found["result"]] == ["first"]


def test_direction_and_limit_choose_the_lines(client: TestClient) -> None:
    found = data(client, "query_range", query=AUTH, direction="forward", limit=1, **WINDOW)
    assert [stream["values"] for stream in found["result"]] == [[[str(EPOCH), "first"]]]


def test_what_a_sender_repeats_is_one_line(tmp_path: Path) -> None:
    store = Store.open(tmp_path, limits=Limits(linger_seconds=0.0))
    store.start()
    for _ in range(2):
        store.append(Signal.LOGS, log_body(GivenLog("again", EPOCH))).result(timeout=60)
    store.flush()
    with TestClient(create_app(store.logs), base_url="http://localhost") as client:
        found = data(client, "query_range", query=AUTH, **WINDOW)
    store.close()
    assert [value[1] for stream in found["result"] for value in stream["values"]] == ["again"]


def test_a_volume_has_a_value_a_step_and_level(client: TestClient) -> None:
    found = data(
        client,
        "query_range",
        query='sum by (level, detected_level) (count_over_time({service_name=~".+"} | drop __error__[30s]))',
        step="30",
        **WINDOW,
    )
    assert found["resultType"] == "matrix"
    assert {row["metric"]["detected_level"]: row["values"] for row in found["result"]} == {
        "error": [[S + 30, "1"]],
        "info": [[S, "1"], [S + 30, "1"]],
    }


def test_a_form_asks_like_a_query_string(client: TestClient) -> None:
    answer = client.post("/loki/api/v1/query_range", data={"query": AUTH, **WINDOW})
    assert len(answer.json()["data"]["result"]) == 2


def test_labels_values_and_series_are_those_of_streams(client: TestClient) -> None:
    assert data(client, "labels", **WINDOW) == ["service_name", "service_namespace"]
    assert data(client, "label", **WINDOW) == ["service_name", "service_namespace"]
    assert data(client, "label/service_name/values", **WINDOW) == ["agents", "auth"]
    assert data(client, "label/service_name/values", query='{service_namespace="shop"}', **WINDOW) == ["auth"]
    assert data(client, "series", **{"match[]": AUTH}, **WINDOW) == [
        {"service_name": "auth", "service_namespace": "shop"}
    ]
    assert data(client, "labels", start=str(S + 3600), end=str(S + 7200)) == []


@pytest.mark.parametrize(
    ("path", "params", "status", "message"),
    [
        ("query_range", {}, 400, "the parameter 'query' is missing"),
        ("query_range", {"query": "{service_name=}"}, 400, "parse error at line 1, col 15: unexpected"),
        ("query_range", {"query": AUTH + ' |> "a"'}, 400, "the pattern filter |> is not answered here"),
        ("query_range", {"query": AUTH, "limit": "0"}, 400, "'limit' must be a number, 1 or more"),
        ("query_range", {"query": AUTH, "limit": "5001"}, 400, "at most 5,000 entries"),
        ("query_range", {"query": AUTH, "direction": "up"}, 400, "neither forward nor backward"),
        ("query_range", {"query": AUTH, "start": "soon"}, 400, "start='soon' is no time"),
        ("query_range", {"query": AUTH, "start": "2", "end": "1"}, 400, "'end' lies before 'start'"),
        ("query_range", {"query": AUTH, "step": "much"}, 400, "step: 'much' is no duration"),
        ("query_range", {"query": AUTH, "interval": "1s"}, 400, "'interval' is not answered here"),
        ("query", {"query": AUTH}, 400, "ask query_range"),
        ("series", {"match[]": "{"}, 400, "expected a label name"),
        ("tail", {"query": AUTH}, 404, "Not Found"),
    ],
)
def test_what_cannot_be_answered_says_why(
    client: TestClient, path: str, params: dict[str, str], status: int, message: str
) -> None:
    answer = client.get(f"/loki/api/v1/{path}", params=params)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/plain")
    assert message in answer.text


def test_a_query_that_runs_out_of_time_says_so(store: Store) -> None:
    with TestClient(create_app(store.logs, Security(query_seconds=0.0)), base_url="http://localhost") as late:
        answer = late.get("/loki/api/v1/query_range", params={"query": AUTH, **WINDOW})
    assert (answer.status_code, answer.text.strip()) == (
        503,
        "the query ran out of time; ask for a shorter window",
    )


def test_only_who_may_ask_is_answered(store: Store) -> None:
    with TestClient(create_app(store.logs, Security(token="secret"))) as client:
        assert client.get("/ready", headers={"Host": "evil.example"}).status_code == 421
        assert client.get("/ready", headers={"Host": "localhost"}).status_code == 401
        headers = {"Host": "localhost", "Authorization": "Bearer secret"}
        assert client.get("/ready", headers=headers).status_code == 200


def test_records_are_whole_where_protobuf_is_accepted(client: TestClient) -> None:
    params = {**WINDOW, "query": f'{AUTH} |= "second" | line_format "changed"'}
    headers = {"Accept": "application/x-protobuf, application/json;q=0.9"}
    answer = client.get("/loki/api/v1/query_range", params=params, headers=headers)
    assert answer.headers["content-type"] == "application/x-protobuf"
    (group,) = ExportLogsServiceRequest.FromString(answer.content).resource_logs
    assert group.resource.attributes[1].key == "service.namespace"
    (record,) = group.scope_logs[0].log_records
    assert (record.body.string_value, record.severity_number) == ("second", 17)
    counted = client.get(
        "/loki/api/v1/query_range",
        params={**WINDOW, "query": f"count_over_time({AUTH}[1m])"},
        headers=headers,
    )
    assert counted.headers["content-type"] == "application/json"

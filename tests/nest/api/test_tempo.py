from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from temponest.nest.api import tempo
from tests.nest.make import SECOND, T0, span, two_services
from tests.nest.memory_source import MemorySource
from tests.nest.serving import serving


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(tempo.create_app(MemorySource(two_services()))) as client:
        yield client


def get(client: httpx.Client, path: str, status: Any = 200, **params: Any) -> Any:
    reply = client.get(path, params=params)
    assert reply.status_code == status, reply.text
    return reply.json()


def test_echo_is_what_save_and_test_wants(client: httpx.Client) -> None:
    assert client.get("/api/echo").text == "echo"


def test_ready_and_buildinfo_answer(client: httpx.Client) -> None:
    assert client.get("/ready").text == "ready\n"
    assert get(client, "/api/status/buildinfo")["version"] >= "2.7.0"
    assert get(client, "/status/buildinfo") == get(client, "/api/status/buildinfo")


def test_a_search_has_exactly_the_shape_that_grafana_decodes(client: httpx.Client) -> None:
    reply = client.get("/api/search", params={"q": "{ .http.status_code = 500 && kind = server }"})
    assert reply.json() == {
        "traces": [
            {
                "traceID": "1",
                "rootServiceName": "web",
                "rootTraceName": "GET /orders",
                "startTimeUnixNano": str(T0 + 100 * SECOND),
                "durationMs": 3000,
                "spanSet": (
                    found := {
                        "spans": [
                            {
                                "spanID": f"{3:016x}",
                                "name": "POST /pay",
                                "startTimeUnixNano": str(T0 + 101 * SECOND),
                                "durationNanos": str(SECOND),
                                "attributes": [
                                    {"key": "http.status_code", "value": {"intValue": "500"}},
                                    {"key": "kind", "value": {"stringValue": "server"}},
                                ],
                            }
                        ],
                        "matched": 1,
                    }
                ),
                "spanSets": [found],
                "serviceStats": {"web": {"spanCount": 2}, "pay": {"spanCount": 1, "errorCount": 1}},
            }
        ],
        "metrics": {"inspectedTraces": 1, "completedJobs": 1, "totalJobs": 1},
    }
    assert "TempoNest-Cut-Off" not in reply.headers


def test_a_search_that_stops_at_its_limit_says_so(client: httpx.Client) -> None:
    reply = client.get("/api/search", params={"q": "{ }", "limit": "1"})
    assert [trace["traceID"] for trace in reply.json()["traces"]] == ["1"]
    assert reply.json()["metrics"]["completedJobs"] < reply.json()["metrics"]["totalJobs"]
    assert reply.headers["TempoNest-Cut-Off"] == "limit"


def test_spans_per_set_are_limited_but_all_are_counted(client: httpx.Client) -> None:
    [first, _] = get(client, "/api/search", q="{ }", spss="2")["traces"]
    assert (len(first["spanSets"][0]["spans"]), first["spanSets"][0]["matched"]) == (2, 3)


def test_a_root_that_has_not_arrived_is_said_in_its_place() -> None:
    with serving(tempo.create_app(MemorySource([span(1, 2, 1)]))) as client:
        [found] = get(client, "/api/search", q="{ }")["traces"]
    assert found["rootServiceName"] == "<root span not yet received>"


def test_a_window_keeps_traces_with_a_matched_span_in_it(client: httpx.Client) -> None:
    second = T0 // SECOND
    found = get(client, "/api/search", q="{ }", start=str(second + 40), end=str(second + 60))["traces"]
    assert [trace["traceID"] for trace in found] == ["2"]


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"tags": "http.status_code=500"}, ["1"]),
        ({"tags": 'name="POST /pay" service.name=pay'}, ["1"]),
        ({"tags": "retry=true"}, ["1"]),
        ({"tags": "error=true"}, ["1"]),
        ({"tags": "service.name=WEB"}, []),
        ({"minDuration": "1s"}, ["1"]),
        ({"maxDuration": "1s"}, ["2"]),
        ({}, ["1", "2"]),
    ],
)
def test_the_legacy_search_by_tags_and_durations(
    client: httpx.Client, params: dict[str, str], found: list[str]
) -> None:
    assert [trace["traceID"] for trace in get(client, "/api/search", **params)["traces"]] == found


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"q": "{ }", "tags": "a=b"}, "cannot be combined"),
        ({"limit": "0"}, "limit must be at least 1"),
        ({"start": "10", "end": "10"}, "must be after"),
        ({"tags": "nonsense"}, "key=value"),
        ({"q": "{ .a = }"}, "line 1, col 8"),
        ({"q": "{ 1 = true }"}, "invalid"),
        ({"q": "{ parent.a = 1 }"}, "not supported"),
        ({"q": "{ } | rate()"}, "query_range"),
    ],
)
def test_a_wrong_search_is_400_with_plain_text(
    client: httpx.Client, params: dict[str, str], words: str
) -> None:
    reply = client.get("/api/search", params=params)
    assert reply.status_code == 400
    assert reply.headers["content-type"].startswith("text/plain")
    assert words in reply.text


def test_a_parse_error_has_a_caret_under_the_place(client: httpx.Client) -> None:
    text = client.get("/api/search", params={"q": "{ .a = }"}).text
    assert text.splitlines()[1:] == ["  { .a = }", "         ^"]


@pytest.mark.parametrize("path", ["/api/v2/traces/1", f"/api/v2/traces/{1:032x}"])
def test_a_trace_in_protobuf_has_its_trace_in_field_1(client: httpx.Client, path: str) -> None:
    reply = client.get(path, headers={"accept": "application/protobuf"})
    assert reply.headers["content-type"] == "application/protobuf"
    inner = _field_1(reply.content)
    spans = [
        one
        for group in TracesData.FromString(inner).resource_spans
        for scope in group.scope_spans
        for one in scope.spans
    ]
    assert {one.name for one in spans} == {"GET /orders", "POST", "POST /pay"}
    assert spans[2].events[0].name == "exception"


def _field_1(body: bytes) -> bytes:
    assert body[0] == 0x0A
    length = shift = 0
    for position in range(1, 6):
        length |= (body[position] & 0x7F) << shift
        shift += 7
        if body[position] < 0x80:
            break
    assert len(body) == position + 1 + length
    return body[position + 1 :]


def test_version_1_in_protobuf_is_the_bare_trace(client: httpx.Client) -> None:
    reply = client.get("/api/traces/1", headers={"accept": "application/protobuf"})
    assert len(TracesData.FromString(reply.content).resource_spans) == 2


def test_a_trace_in_json_is_spelled_as_tempo_spells_it(client: httpx.Client) -> None:
    groups = get(client, "/api/v2/traces/1")["trace"]["resourceSpans"]
    [found] = groups[1]["scopeSpans"][0]["spans"]
    assert found["traceId"] == "AAAAAAAAAAAAAAAAAAAAAQ=="
    assert found["kind"] == "SPAN_KIND_SERVER"
    assert found["status"] == {"code": "STATUS_CODE_ERROR", "message": "card refused"}
    assert found["startTimeUnixNano"] == str(T0 + 101 * SECOND)
    assert get(client, "/api/traces/1")["batches"] == groups


def test_an_unknown_trace_is_404_in_both_versions(client: httpx.Client) -> None:
    assert client.get("/api/v2/traces/99").status_code == 404
    assert client.get("/api/traces/99").status_code == 404


def test_a_trace_id_that_is_none_is_400(client: httpx.Client) -> None:
    assert client.get("/api/traces/zzz").status_code == 400


def test_tags_come_by_scope_with_the_intrinsics(client: httpx.Client) -> None:
    scopes = {one["name"]: one["tags"] for one in get(client, "/api/v2/search/tags")["scopes"]}
    assert scopes["resource"] == ["host.name", "service.name"]
    assert scopes["event"] == ["exception.type"]
    assert scopes["link"] == ["why"]
    assert {"name", "kind", "status", "duration"} <= set(scopes["intrinsic"])
    [only] = get(client, "/api/v2/search/tags", scope="intrinsic")["scopes"]
    assert only["name"] == "intrinsic"


def test_version_1_tags_are_one_list(client: httpx.Client) -> None:
    names = get(client, "/api/search/tags", scope="span")["tagNames"]
    assert names == sorted(names)
    assert "retry" in names


@pytest.mark.parametrize(
    ("tag", "query", "values"),
    [
        ("resource.service.name", "", [("string", "pay"), ("string", "web")]),
        (".service.name", "", [("string", "pay"), ("string", "web")]),
        ("service.name", "", [("string", "pay"), ("string", "web")]),
        ("resource.service.name", "{ status = error }", [("string", "pay")]),
        ("resource.service.name", "{ status = error && span.x = }", [("string", "pay")]),
        ("resource.service.name", "{ resource.service.name = }", [("string", "pay"), ("string", "web")]),
        ("resource.service.name", "%$! garbage", [("string", "pay"), ("string", "web")]),
        ("span.http.status_code", "", [("int", "500")]),
        ("span.retry", "", [("bool", "true")]),
        ("span.cost", "", [("float", "1.5")]),
        ("status", "", [("keyword", "error"), ("keyword", "ok"), ("keyword", "unset")]),
        ("name", "{ kind = client }", [("string", "POST")]),
        ("duration", "", []),
    ],
)
def test_values_are_typed_and_filtered(
    client: httpx.Client, tag: str, query: str, values: list[tuple[str, str]]
) -> None:
    found = get(client, f"/api/v2/search/tag/{tag}/values", q=query)["tagValues"]
    assert sorted((one["type"], one["value"]) for one in found) == values


@pytest.mark.parametrize("path", ["span.a/b", "span.a%2Fb"])
def test_a_tag_may_contain_a_slash(path: str) -> None:
    source = MemorySource([span(1, 1, attributes={"a/b": "x"})])
    with serving(tempo.create_app(source)) as client:
        assert get(client, f"/api/v2/search/tag/{path}/values")["tagValues"] == [
            {"type": "string", "value": "x"}
        ]


def test_version_1_values_are_plain_texts(client: httpx.Client) -> None:
    assert sorted(get(client, "/api/search/tag/service.name/values")["tagValues"]) == ["pay", "web"]


SECONDS = T0 // SECOND
RANGE = {"start": str(SECONDS), "end": str(SECONDS + 200)}


def test_a_range_has_samples_at_the_ends_of_aligned_steps(client: httpx.Client) -> None:
    reply = get(
        client, "/api/metrics/query_range", q="{ } | rate() by (resource.service.name)", step="50s", **RANGE
    )
    series = {one["labels"][0]["value"]["stringValue"]: one for one in reply["series"]}
    assert series["web"]["labels"][0]["key"] == "resource.service.name"
    times = [int(one["timestampMs"]) for one in series["web"]["samples"]]
    assert times == sorted(times)
    assert all(time % 50_000 == 0 for time in times)
    assert sum(one["value"] for one in series["web"]["samples"]) == pytest.approx(3 / 50)
    assert set(reply) == {"series", "metrics"}


def test_an_instant_has_one_value_a_series_and_no_unknown_field(client: httpx.Client) -> None:
    reply = get(client, "/api/metrics/query", q="{ } | count_over_time() by (status)", **RANGE)
    assert set(reply) == {"series", "metrics"}
    assert sorted((one["labels"][0]["value"]["stringValue"], one["value"]) for one in reply["series"]) == [
        ("error", 1),
        ("unset", 3),
    ]


def test_exemplars_lead_to_traces(client: httpx.Client) -> None:
    reply = get(
        client,
        "/api/metrics/query_range",
        q="{ } | max_over_time(duration)",
        step="10s",
        exemplars="10",
        **RANGE,
    )
    found = [one for series in reply["series"] for one in series["exemplars"]]
    assert {one["labels"][0]["key"] for one in found} == {"trace:id"}
    ids = [one["labels"][0]["value"]["stringValue"] for one in found]
    assert all(client.get(f"/api/v2/traces/{one}").status_code == 200 for one in ids)
    assert max(one["value"] for one in found) == 3


def test_compare_counts_both_sides(client: httpx.Client) -> None:
    reply = get(
        client, "/api/metrics/query_range", q="{ } | compare({ status = error })", step="200s", **RANGE
    )
    found = {
        tuple(label["value"]["stringValue"] for label in one["labels"]): sum(
            s["value"] for s in one["samples"]
        )
        for one in reply["series"]
        if one["labels"][1]["key"] == "resource.service.name"
    }
    assert found == {
        ("baseline", "web"): 3,
        ("selection", "pay"): 1,
        ("baseline_total", "nil"): 3,
        ("selection_total", "nil"): 1,
    }


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({}, "q is required"),
        ({"q": "{ }"}, "metrics function"),
        ({"q": "{ } | rate()", "start": "20", "end": "10"}, "after start"),
        ({"q": "{ } | rate()", "start": "1", "end": "100000", "step": "1s"}, "longer step"),
        ({"q": "{ } | rate()", "step": "x"}, "step"),
    ],
)
def test_a_wrong_metrics_query_says_what_to_do(
    client: httpx.Client, params: dict[str, str], words: str
) -> None:
    reply = client.get("/api/metrics/query_range", params=params)
    assert (reply.status_code, words in reply.text) == (400, True), reply.text

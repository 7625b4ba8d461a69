from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from temponest.nest.api import jaeger
from temponest.nest.api.otlp import OTLP_JSON, resource_spans_json
from temponest.nest.api.otlp_read import spans_of
from temponest.nest.model.span import Attributes
from tests.nest.make import SECOND, T0, span, two_services
from tests.nest.memory_source import MemorySource
from tests.nest.serving import serving

ONE = f"{1:016x}"
TWO = f"{2:016x}"
WINDOW = {"start": str(T0 // 1000 - 1), "end": str((T0 + 1000 * SECOND) // 1000)}
V3_WINDOW = {"query.startTimeMin": "2023-11-14T00:00:00Z", "query.startTimeMax": "2023-11-16T00:00:00+01:00"}


@pytest.fixture(scope="module")
def client() -> Iterator[httpx.Client]:
    with serving(jaeger.create_app(MemorySource(two_services()))) as client:
        yield client


def get(client: httpx.Client, path: str, status: Any = 200, **params: Any) -> Any:
    reply = client.get(path, params=params)
    assert reply.status_code == status, reply.text
    return reply.json()


def test_services_are_listed_with_their_number(client: httpx.Client) -> None:
    assert get(client, "/api/services") == {
        "data": ["pay", "web"],
        "total": 2,
        "limit": 0,
        "offset": 0,
        "errors": None,
    }


def test_no_services_is_an_empty_list_and_never_null() -> None:
    with serving(jaeger.create_app(MemorySource())) as client:
        assert get(client, "/api/services")["data"] == []


def test_operations_of_a_service_are_names_in_one_route_and_names_with_kinds_in_the_other(
    client: httpx.Client,
) -> None:
    assert get(client, "/api/services/web/operations")["data"] == ["GET /health", "GET /orders", "POST"]
    found = get(client, "/api/operations", service="web", spanKind="client")
    assert found["data"] == [{"name": "POST", "spanKind": "client"}]


def test_operations_without_a_service_are_refused_in_the_envelope(client: httpx.Client) -> None:
    refused = get(client, "/api/operations", 400)
    assert refused["data"] is None
    assert refused["errors"] == [{"code": 400, "msg": "parameter 'service' is required"}]


def test_a_span_becomes_jaegers_with_every_field_of_otlp_in_its_place(client: httpx.Client) -> None:
    [trace] = get(client, f"/api/traces/{ONE}")["data"]
    assert trace["traceID"] == ONE
    found = next(one for one in trace["spans"] if one["operationName"] == "POST /pay")
    assert found == {
        "traceID": ONE,
        "spanID": f"{3:016x}",
        "operationName": "POST /pay",
        "references": [
            {"refType": "CHILD_OF", "traceID": ONE, "spanID": f"{2:016x}"},
            {"refType": "FOLLOWS_FROM", "traceID": TWO, "spanID": f"{1:016x}"},
        ],
        "startTime": (T0 + 101 * SECOND) // 1000,
        "duration": 1_000_000,
        "tags": [
            {"key": "otel.scope.name", "type": "string", "value": "fastapi"},
            {"key": "otel.scope.version", "type": "string", "value": "1.0"},
            {"key": "http.response.status_code", "type": "int64", "value": 500},
            {"key": "retry", "type": "bool", "value": True},
            {"key": "cost", "type": "float64", "value": 1.5},
            {"key": "span.kind", "type": "string", "value": "server"},
            {"key": "otel.status_code", "type": "string", "value": "ERROR"},
            {"key": "error", "type": "bool", "value": True},
            {"key": "otel.status_description", "type": "string", "value": "card refused"},
        ],
        "logs": [
            {
                "timestamp": (T0 + 101 * SECOND) // 1000 + 1,
                "fields": [
                    {"key": "event", "type": "string", "value": "exception"},
                    {"key": "exception.type", "type": "string", "value": "Refused"},
                ],
            }
        ],
        "processID": "p2",
        "warnings": None,
    }
    assert trace["processes"]["p2"] == {
        "serviceName": "pay",
        "tags": [{"key": "host.name", "type": "string", "value": "a"}],
    }


def test_an_integer_that_no_browser_can_hold_is_sent_as_text(client: httpx.Client) -> None:
    [trace] = get(client, f"/api/traces/{ONE}")["data"]
    tags = {tag["key"]: tag for one in trace["spans"] for tag in one["tags"]}
    assert tags["big"] == {"key": "big", "type": "int64", "value": str(2**60)}


@pytest.mark.parametrize("form", ["1", ONE, f"{1:032x}", "AAAAAAAAAAAAAAAAAAAAAQ=="])
def test_a_trace_is_found_by_every_form_of_its_id(client: httpx.Client, form: str) -> None:
    assert get(client, f"/api/traces/{form}")["data"][0]["traceID"] == ONE


def test_a_missing_trace_is_404_in_the_envelope(client: httpx.Client) -> None:
    assert get(client, "/api/traces/abc", 404)["errors"] == [
        {"code": 404, "msg": "trace not found", "traceID": "abc"}
    ]


def test_times_of_a_trace_are_hints_whatever_their_unit(client: httpx.Client) -> None:
    assert get(client, f"/api/traces/{ONE}", start="5", end="6")["data"]


@pytest.mark.parametrize(
    ("params", "found"),
    [
        ({"service": "web"}, [ONE, TWO]),
        ({}, [ONE, TWO]),
        ({"service": "web", "operation": "GET /health"}, [TWO]),
        ({"service": "web", "operation": "all"}, [ONE, TWO]),
        ({"service": "pay", "operation": "GET /orders"}, []),
        ({"tags": json.dumps({"http.status_code": "500"})}, [ONE]),
        ({"tag": "http.response.status_code:500"}, [ONE]),
        ({"tag": "retry:true"}, [ONE]),
        ({"tag": "cost:1.5"}, [ONE]),
        ({"tag": "host.name:a"}, [ONE]),
        ({"tag": "resource.host.name:a"}, [ONE]),
        ({"tag": "exception.type:Refused"}, [ONE]),
        ({"tag": "why:retry"}, [ONE]),
        ({"tag": "error:true"}, [ONE]),
        ({"tag": "error:false"}, [ONE, TWO]),
        ({"tag": "span.kind:client"}, [ONE]),
        ({"tag": "scope.name:fastapi"}, [ONE]),
        ({"tag": "retry:false"}, []),
        ({"service": "web", "tag": "retry:true"}, []),
        ({"minDuration": "2.5s"}, [ONE]),
        ({"maxDuration": "1ms"}, [TWO]),
        ({"limit": "1"}, [ONE]),
    ],
)
def test_search_keeps_traces_with_one_span_that_passes_every_test_newest_first(
    client: httpx.Client, params: dict[str, str], found: list[str]
) -> None:
    data = get(client, "/api/traces", **WINDOW, **params)["data"]
    assert [trace["traceID"] for trace in data] == found


@pytest.mark.parametrize(
    ("path", "params"),
    [
        ("/api/traces", {**WINDOW, "limit": "1"}),
        ("/api/v3/traces", {**V3_WINDOW, "query.searchDepth": "1"}),
        ("/api/v3/trace-summaries", {**V3_WINDOW, "query.searchDepth": "1"}),
    ],
)
def test_a_search_that_stops_at_its_limit_says_so(
    client: httpx.Client, path: str, params: dict[str, str]
) -> None:
    assert client.get(path, params=params).headers["TempoNest-Cut-Off"] == "limit"
    more = {name: "2" if value == "1" else value for name, value in params.items()}
    assert "TempoNest-Cut-Off" not in client.get(path, params=more).headers


def test_search_without_times_looks_at_the_last_two_days(client: httpx.Client) -> None:
    assert get(client, "/api/traces", service="web")["data"] == []


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"tag": "nocolon"}, "key:value"),
        ({"tags": "[1]"}, "JSON object"),
        ({"minDuration": "2s", "maxDuration": "1s"}, "maxDuration"),
        ({"minDuration": "2"}, "minDuration"),
        ({"limit": "0"}, "limit"),
        ({"start": "x"}, "start"),
    ],
)
def test_a_wrong_parameter_is_named_in_the_envelope(
    client: httpx.Client, params: dict[str, str], words: str
) -> None:
    assert words in get(client, "/api/traces", 400, **params)["errors"][0]["msg"]


def test_traces_by_several_ids_report_the_missing_ones_beside_the_found(client: httpx.Client) -> None:
    reply = get(client, "/api/traces", traceID=[TWO, "99"])
    assert [trace["traceID"] for trace in reply["data"]] == [TWO]
    assert reply["errors"] == [{"code": 404, "msg": "trace not found", "traceID": "99"}]


def test_dependencies_count_calls_between_services(client: httpx.Client) -> None:
    end_ms = (T0 + 1000 * SECOND) // 1_000_000
    assert get(client, "/api/dependencies", endTs=str(end_ms))["data"] == [
        {"parent": "web", "child": "pay", "callCount": 1}
    ]
    assert get(client, "/api/dependencies", endTs=str(end_ms), lookback="1")["data"] == []


def test_pretty_print_indents(client: httpx.Client) -> None:
    assert '\n  "data"' in client.get("/api/services?prettyPrint=true").text


def test_version_3_lists_services_and_operations(client: httpx.Client) -> None:
    assert get(client, "/api/v3/services") == {"services": ["pay", "web"]}
    assert get(client, "/api/v3/operations", service="pay") == {
        "operations": [{"name": "POST /pay", "spanKind": "server"}]
    }


def test_version_3_names_an_unspecified_kind_internal() -> None:
    source = MemorySource([span(1, 1, kind=0)])
    with serving(jaeger.create_app(source)) as client:
        assert get(client, "/api/v3/operations", service="shop")["operations"][0]["spanKind"] == "internal"


def test_version_3_summarises_each_trace(client: httpx.Client) -> None:
    params = {**V3_WINDOW, "query.serviceName": "pay"}
    assert get(client, "/api/v3/trace-summaries", **params) == {
        "summaries": [
            {
                "traceId": f"{1:032x}",
                "rootServiceName": "web",
                "rootOperationName": "GET /orders",
                "minStartTimeUnixNano": str(T0 + 100 * SECOND),
                "maxEndTimeUnixNano": str(T0 + 103 * SECOND),
                "spanCount": 3,
                "errorSpanCount": 1,
                "orphanSpanCount": 0,
                "services": [
                    {"name": "pay", "spanCount": 1, "errorSpanCount": 1},
                    {"name": "web", "spanCount": 2, "errorSpanCount": 0},
                ],
            }
        ]
    }


@pytest.mark.parametrize(
    "params",
    [
        {"query.start_time_min": "2023-11-14T00:00:00Z", "query.start_time_max": "2023-11-16T00:00:00Z"},
        {**V3_WINDOW, "query.attributes": '{"http.status_code":500}', "query.durationMin": "900ms"},
        {**V3_WINDOW, "query.searchDepth": "1"},
    ],
)
def test_version_3_search_takes_both_spellings_and_every_filter(
    client: httpx.Client, params: dict[str, str]
) -> None:
    assert get(client, "/api/v3/trace-summaries", **params)["summaries"][0]["traceId"] == f"{1:032x}"


def test_version_3_search_needs_both_times(client: httpx.Client) -> None:
    refused = get(client, "/api/v3/trace-summaries", 400, **{"query.startTimeMin": "2023-11-14T00:00:00Z"})
    assert refused["error"]["httpCode"] == 400
    assert "query.startTimeMax" in refused["error"]["message"]


def test_version_3_traces_are_otlp_with_hexadecimal_ids_and_numbers_for_enums(client: httpx.Client) -> None:
    groups = get(client, f"/api/v3/traces/{ONE}")["result"]["resourceSpans"]
    [scope_spans] = groups[1]["scopeSpans"]
    assert scope_spans["scope"] == {"name": "fastapi", "version": "1.0"}
    [found] = scope_spans["spans"]
    assert found["traceId"] == f"{1:032x}"
    assert found["kind"] == 2
    assert found["status"] == {"code": 2, "message": "card refused"}
    assert found["links"][0]["spanId"] == f"{1:016x}"


def test_version_3_says_404_when_nothing_matches(client: httpx.Client) -> None:
    missing = {"error": {"httpCode": 404, "message": "No traces found"}}
    assert get(client, "/api/v3/traces/77", 404) == missing
    assert get(client, "/api/v3/traces", 404, **V3_WINDOW, **{"query.serviceName": "x"}) == missing


def test_an_uploaded_trace_comes_back_as_jaegers(client: httpx.Client) -> None:
    document = {"resourceSpans": resource_spans_json(two_services()[:3], OTLP_JSON)}
    [uploaded] = client.post("/api/transform", json=document).json()["data"]
    assert uploaded == get(client, f"/api/traces/{ONE}")["data"][0]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"{", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "document is list"),
        (b'{"resourceSpans":5}', "resourceSpans is int"),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"ab"}]}]}]}', "traceId has 1 bytes"),
        (b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"zz"}]}]}]}', "no OTLP JSON"),
        (b'{"resourceSpans":[{"resource":{"attributes":[{"key":1}]}}]}', "key is int"),
    ],
)
def test_an_upload_that_is_no_trace_says_why(client: httpx.Client, body: bytes, words: str) -> None:
    reply = client.post("/api/transform", content=body)
    assert reply.status_code == 400
    assert words in reply.json()["errors"][0]["msg"]


def test_every_kind_of_value_survives_an_upload() -> None:
    value: Attributes = {
        "s": "x",
        "b": True,
        "i": 2**60,
        "f": 0.5,
        "y": b"\0",
        "l": ("a", 1),
        "m": {"k": None},
    }
    document = {"resourceSpans": resource_spans_json([span(1, 1, attributes={"v": value})], OTLP_JSON)}
    assert spans_of(document)[0].attributes == {"v": value}


END = {
    "endTs": str((T0 + 110 * SECOND) // 1_000_000),
    "lookback": "20000",
    "step": "10000",
    "ratePer": "60000",
}


def test_latencies_are_milliseconds_of_a_services_calls(client: httpx.Client) -> None:
    found = get(client, "/api/metrics/latencies", service="pay", quantile="0.5", **END)
    assert (found["name"], found["type"]) == ("service_latencies", "GAUGE")
    [one] = found["metrics"]
    assert one["labels"] == [{"name": "service_name", "value": "pay"}]
    [point] = one["metricPoints"]
    assert point["gaugeValue"] == {"doubleValue": 1000}
    assert point["timestamp"].endswith("Z")


def test_call_rates_are_taken_over_a_sliding_window(client: httpx.Client) -> None:
    found = get(client, "/api/metrics/calls", service=["pay", "web"], groupByOperation="true", **END)
    assert found["name"] == "service_operation_call_rate"
    operations = {one["labels"][0]["value"]: one["metricPoints"] for one in found["metrics"]}
    assert set(operations) == {"GET /health", "GET /orders", "POST /pay"}
    assert operations["POST /pay"][-1]["gaugeValue"]["doubleValue"] == pytest.approx(1 / 60)


def test_error_rates_are_parts_of_all_calls(client: httpx.Client) -> None:
    found = get(client, "/api/metrics/errors", service=["pay", "web"], **END)
    last = {one["labels"][0]["value"]: one["metricPoints"][-1]["gaugeValue"] for one in found["metrics"]}
    assert last == {"pay": {"doubleValue": 1}, "web": {"doubleValue": 0}}


@pytest.mark.parametrize(
    ("path", "params", "status"),
    [
        ("latencies", {}, 400),
        ("latencies", {"service": "a", "quantile": "2"}, 400),
        ("latencies", {"service": "a", "step": "0"}, 400),
        ("calls", {"service": "a", "step": "1", "lookback": "9999999"}, 400),
        ("other", {"service": "a"}, 404),
    ],
)
def test_a_wrong_question_about_metrics_is_refused(
    client: httpx.Client, path: str, params: dict[str, str], status: int
) -> None:
    get(client, f"/api/metrics/{path}", status, **params)


def test_a_service_name_is_data_and_never_part_of_the_query(client: httpx.Client) -> None:
    hostile = 'x" || true || name = "'
    assert get(client, "/api/metrics/calls", service=hostile, **END)["metrics"] == []

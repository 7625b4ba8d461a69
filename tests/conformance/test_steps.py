"""From a span sent to every answer that Grafana's data sources and Jaeger's page ask for, step by step."""

from __future__ import annotations

import gzip
import json
import time
from collections.abc import Callable
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from tests.conformance import shapes
from tests.conformance.conftest import Nest, eventually
from tests.conformance.payload import SECOND, histogram, protobuf, trace


def _json(nest: Nest, body: dict[str, Any]) -> None:
    nest.otlp.post("/v1/traces", json=body).raise_for_status()


def _json_gzip(nest: Nest, body: dict[str, Any]) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    packed = gzip.compress(json.dumps(body).encode())
    nest.otlp.post("/v1/traces", content=packed, headers=headers).raise_for_status()


def _protobuf(nest: Nest, body: dict[str, Any]) -> None:
    headers = {"content-type": "application/x-protobuf"}
    nest.otlp.post(
        "/v1/traces", content=protobuf(body).SerializeToString(), headers=headers
    ).raise_for_status()


def _protobuf_gzip(nest: Nest, body: dict[str, Any]) -> None:
    headers = {"content-type": "application/x-protobuf", "content-encoding": "gzip"}
    packed = gzip.compress(protobuf(body).SerializeToString())
    nest.otlp.post("/v1/traces", content=packed, headers=headers).raise_for_status()


def _grpc(nest: Nest, body: dict[str, Any]) -> None:
    with grpc.insecure_channel(nest.grpc) as channel:
        export = channel.unary_unary(
            "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            request_serializer=ExportTraceServiceRequest.SerializeToString,
            response_deserializer=bytes,
        )
        export(protobuf(body))


SENDERS: list[Callable[[Nest, dict[str, Any]], None]] = [_json, _json_gzip, _protobuf, _protobuf_gzip, _grpc]


@pytest.mark.parametrize("send", SENDERS)
def test_step_1_a_trace_sent_in_any_form_is_found_by_its_id(
    nest: Nest, send: Callable[[Nest, dict[str, Any]], None]
) -> None:
    number = 0x1000 + 0x10 * SENDERS.index(send)
    send(nest, trace(number))
    eventually(lambda: nest.jaeger.get(f"/api/traces/{number:x}").status_code == 200)
    [found] = nest.jaeger.get(f"/api/traces/{number:x}").json()["data"]
    assert {span["operationName"] for span in found["spans"]} == {"GET /", "POST", "POST /pay"}


@pytest.fixture(scope="session")
def sent(nest: Nest) -> Nest:
    """The nest with one trace, 0x2000, that everybody below looks for."""
    _json(nest, trace(0x2000, tag="steps"))
    eventually(lambda: nest.tempo.get("/api/v2/traces/2000").status_code == 200)
    return nest


def get(client: httpx.Client, path: str, **params: str) -> Any:
    reply = client.get(path, params=params)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_step_2_services_search_and_trace_agree_in_both_versions_of_jaeger(sent: Nest) -> None:
    jaeger = sent.jaeger
    assert {"front", "back"} <= set(get(jaeger, "/api/services")["data"])
    assert {"front", "back"} <= set(get(jaeger, "/api/v3/services")["services"])
    assert {"name": "POST /pay", "spanKind": "server"} in get(jaeger, "/api/operations", service="back")[
        "data"
    ]
    operations = get(jaeger, "/api/v3/operations", service="back")["operations"]
    assert {"name": "POST /pay", "spanKind": "server"} in operations
    [one] = get(jaeger, "/api/traces", service="back", tags='{"test.case":"steps"}')["data"]
    assert one == get(jaeger, "/api/traces/2000")["data"][0]
    now = time.time()
    window = {
        "query.startTimeMin": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now - 600)),
        "query.startTimeMax": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(now + 60)),
        "query.attributes": '{"test.case":"steps"}',
    }
    [summary] = get(jaeger, "/api/v3/trace-summaries", **window)["summaries"]
    assert (summary["traceId"], summary["spanCount"], summary["errorSpanCount"]) == (f"{0x2000:032x}", 3, 1)
    assert len(get(jaeger, "/api/v3/traces/2000")["result"]["resourceSpans"]) == 2
    assert get(jaeger, "/api/dependencies")["errors"] is None
    edges = {(edge["parent"], edge["child"]) for edge in get(jaeger, "/api/dependencies")["data"]}
    assert ("front", "back") in edges


@pytest.mark.parametrize("text", ["2000", f"{0x2000:016x}", f"{0x2000:032x}"])
def test_step_3_a_trace_by_any_form_of_its_id_decodes_as_protobuf(sent: Nest, text: str) -> None:
    headers = {"accept": "application/protobuf"}
    reply = sent.tempo.get(f"/api/traces/{text}", headers=headers)
    message = TracesData.FromString(reply.content)
    spans = [one for group in message.resource_spans for scope in group.scope_spans for one in scope.spans]
    assert sorted(one.name for one in spans) == ["GET /", "POST", "POST /pay"]
    wrapped = sent.tempo.get(f"/api/v2/traces/{text}", headers=headers)
    assert wrapped.content.endswith(reply.content)
    assert wrapped.content[0] == 0x0A


@pytest.mark.parametrize("path", ["/api/v2/traces/dead", "/api/traces/dead"])
def test_step_3_an_unknown_trace_is_404(sent: Nest, path: str) -> None:
    assert sent.tempo.get(path, headers={"accept": "application/protobuf"}).status_code == 404


@pytest.mark.parametrize(
    ("query", "spans"),
    [
        ('{ span.test.case = "steps" }', 3),
        ('{ resource.service.name = "back" && span.test.case = "steps" }', 1),
        ('{ status = error && span.test.case = "steps" }', 1),
        ('{ span.test.case = "steps" && name = "GET /" } >> { resource.service.name = "back" }', 1),
        ('{ span.test.case = "steps" } | by(resource.service.name) | count() > 1', 2),
        ('{ span.http.status_code = 500 && .test.case = "steps" } | select(resource.service.name)', 2),
    ],
)
def test_step_4_searches_decode_strictly_and_hold_the_matched_spans(
    sent: Nest, query: str, spans: int
) -> None:
    found = get(sent.tempo, "/api/search", q=query, spss="10")
    shapes.check(found, shapes.SEARCH)
    [one] = found["traces"]
    assert one["traceID"] == "2000"
    assert one["spanSets"][0]["matched"] == spans == len(one["spanSets"][0]["spans"])


def test_step_5_tags_are_scoped(sent: Nest) -> None:
    found = get(sent.tempo, "/api/v2/search/tags", limit="5000")
    shapes.check(found, shapes.TAGS)
    scopes = {one["name"]: one["tags"] for one in found["scopes"]}
    assert "test.case" in scopes["span"]
    assert "service.name" in scopes["resource"]
    assert "exception.type" in scopes["event"]
    assert "duration" in scopes["intrinsic"]


@pytest.mark.parametrize(
    "query", ["", "{ status = error }", "{ resource.service.name = }", "{ span.x", "((", "{ .a = `", "💥"]
)
def test_step_5_values_answer_whatever_is_being_typed(sent: Nest, query: str) -> None:
    found = get(sent.tempo, "/api/v2/search/tag/resource.service.name/values", q=query)
    shapes.check(found, shapes.VALUES)
    assert {"type": "string", "value": "back"} in found["tagValues"]


def test_step_5_a_tag_may_contain_a_slash(sent: Nest) -> None:
    for path in ("span.no/such/tag", "span.no%2Fsuch%2Ftag"):
        assert get(sent.tempo, f"/api/v2/search/tag/{path}/values")["tagValues"] == []


NOW = {"since": "10m", "step": "30s"}


@pytest.mark.parametrize(
    "query",
    [
        "{ } | rate() by (resource.service.name)",
        "{ } | quantile_over_time(duration, .9, .5)",
        "{ } | histogram_over_time(duration)",
        "{ } | compare({ status = error }, 10)",
        "({ status = error } | rate()) / ({ } | rate())",
    ],
)
def test_step_6_series_decode_and_stand_on_multiples_of_the_step(sent: Nest, query: str) -> None:
    found = get(sent.tempo, "/api/metrics/query_range", q=query, exemplars="5", **NOW)
    shapes.check(found, shapes.RANGE)
    times = [int(sample["timestampMs"]) for series in found["series"] for sample in series["samples"]]
    assert times
    assert all(time_ms % 30_000 == 0 for time_ms in times)


def test_step_6_an_instant_decodes_strictly(sent: Nest) -> None:
    found = get(sent.tempo, "/api/metrics/query", q="{ } | count_over_time() by (status)", since="10m")
    shapes.check(found, shapes.INSTANT)
    assert found["series"]


def test_step_6_exemplars_lead_to_traces(sent: Nest) -> None:
    found = get(
        sent.tempo, "/api/metrics/query_range", q="{ } | avg_over_time(duration)", exemplars="5", **NOW
    )
    exemplars = [one for series in found["series"] for one in series.get("exemplars", [])]
    assert exemplars
    for one in exemplars:
        labels = {label["key"]: label["value"]["stringValue"] for label in one["labels"]}
        assert sent.tempo.get(f"/api/v2/traces/{labels['trace:id']}").status_code == 200
        assert one["value"] > 0
        assert int(one["timestampMs"]) > 0


MEASURED_NS = 1_700_000_000_123_000_000
MEASURED = {"start": "1700000000", "end": "1700000001"}


@pytest.fixture(scope="session")
def measured(sent: Nest) -> Nest:
    """The nest with a histogram `step.duration`, measured at `MEASURED_NS`."""
    sent.otlp.post("/v1/metrics", json=histogram("step.duration", 0x2000, MEASURED_NS)).raise_for_status()
    params = {"match[]": "step_duration_seconds_count", **MEASURED}
    eventually(lambda: sent.prometheus.get("/api/v1/series", params=params).json()["data"])
    return sent


def prometheus(nest: Nest, path: str, **params: str) -> Any:
    """What GET answers, once POST of the same as a form has answered the same, where a form may be posted."""
    found = get(nest.prometheus, f"/api/v1/{path}", **params)
    assert found["status"] == "success"
    if path in ("query", "query_range", "query_exemplars", "series", "labels"):
        assert nest.prometheus.post(f"/api/v1/{path}", data=params).json() == found
    return found["data"]


def test_step_7_the_question_with_which_grafana_tests_a_prometheus_has_its_answer(sent: Nest) -> None:
    assert prometheus(sent, "query", query="1+1", time="4") == {"resultType": "scalar", "result": [4, "2"]}


def test_step_7_series_labels_values_and_metadata_describe_what_was_sent(measured: Nest) -> None:
    count = "step_duration_seconds_count"
    [labels] = prometheus(measured, "series", **{"match[]": count, **MEASURED})
    assert labels["__name__"] == count
    assert (labels["job"], labels["http_route"]) == ("front", "/pay")
    assert {"__name__", "job", "http_route", "le"} <= set(prometheus(measured, "labels", **MEASURED))
    assert "front" in prometheus(measured, "label/job/values", **MEASURED)
    assert count in prometheus(measured, "label/__name__/values", **MEASURED)
    described = prometheus(measured, "metadata", metric="step_duration_seconds")
    assert described == {
        "step_duration_seconds": [{"type": "histogram", "help": "How long it took", "unit": "s"}]
    }


def test_step_7_there_are_no_rules_and_no_alerts_and_grafana_may_ask_for_them(sent: Nest) -> None:
    assert prometheus(sent, "rules") == {"groups": []}
    assert prometheus(sent, "alerts") == {"alerts": []}


def test_step_7_a_range_has_a_value_a_step(measured: Nest) -> None:
    found = prometheus(
        measured,
        "query_range",
        query="sum by (http_route) (step_duration_seconds_sum)",
        start="1700000001",
        end="1700000031",
        step="15",
    )
    times = [1_700_000_001, 1_700_000_016, 1_700_000_031]
    values = [[time_s, "0.9"] for time_s in times]
    assert found == {
        "resultType": "matrix",
        "result": [{"metric": {"http_route": "/pay"}, "values": values}],
    }


def test_step_7_exemplars_have_milliseconds_and_lead_to_traces(measured: Nest) -> None:
    [found] = prometheus(measured, "query_exemplars", query="step_duration_seconds_bucket", **MEASURED)
    assert found["seriesLabels"]["job"] == "front"
    [exemplar] = found["exemplars"]
    assert (exemplar["timestamp"], exemplar["value"]) == (1_700_000_000.123, "0.7")
    assert measured.tempo.get(f"/api/v2/traces/{exemplar['labels']['trace_id']}").status_code == 200


def test_step_7_the_service_graph_of_what_was_sent_grows(sent: Nest) -> None:
    total = 'traces_service_graph_request_total{client="front", server="back"}'

    def grows() -> bool:
        # More of the same, until two samples of the counter differ.
        _json(sent, trace(0x9000))
        found = get(sent.prometheus, "/api/v1/query", query=f"rate({total}[1m])")["data"]["result"]
        return any(float(one["value"][1]) > 0 for one in found)

    eventually(grows)


def test_step_8_pages_of_this_machine_may_send_and_no_page_may_read(sent: Nest) -> None:
    headers = {
        "origin": "http://localhost:3000",
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type",
    }
    allowed = sent.otlp.options("/v1/traces", headers=headers)
    assert allowed.headers["access-control-allow-origin"] in ("http://localhost:3000", "*")
    for client in (sent.jaeger, sent.tempo, sent.prometheus, sent.loki):
        reply = client.get("/api/traces/2000", headers={"origin": "http://localhost:3000"})
        assert "access-control-allow-origin" not in reply.headers


def test_step_8_a_rebound_name_is_refused_everywhere(sent: Nest) -> None:
    for client in (sent.otlp, sent.jaeger, sent.tempo, sent.prometheus, sent.loki):
        path = "/v1/traces" if client is sent.otlp else "/api/traces/2000"
        method = "POST" if client is sent.otlp else "GET"
        reply = client.request(method, path, headers={"host": "evil.example"})
        assert 400 <= reply.status_code < 500


def test_what_was_sent_before_the_epoch_of_the_window_is_outside_of_it(nest: Nest) -> None:
    start_ns = time.time_ns() - 3600 * SECOND
    _json(nest, trace(0x3000, start_ns=start_ns, tag="old"))
    eventually(lambda: nest.tempo.get("/api/v2/traces/3000").status_code == 200)
    second = start_ns // SECOND
    query = '{ span.test.case = "old" }'
    inside = get(nest.tempo, "/api/search", q=query, start=str(second - 1), end=str(second + 1))
    outside = get(nest.tempo, "/api/search", q=query, start=str(second + 10), end=str(second + 20))
    assert [len(reply["traces"]) for reply in (inside, outside)] == [1, 0]

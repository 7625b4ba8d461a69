"""What of the services' traffic must be found where: in Jaeger, Tempo and Prometheus."""

from __future__ import annotations

import time
from dataclasses import dataclass
from itertools import chain
from typing import Any

import httpx

from temponest.client.prometheus import Prometheus
from temponest.client.tempo import Tempo

from .addresses import Addresses

AGENTS, AUTH, SLOW = "temponest-agents", "temponest-auth", "temponest-slow"
# The Collector waits 10 s for the spans of a trace; Tempo must then have taken what was kept.
DECIDED = 25.0  # seconds
# The Collector calls a trace slow from 500 ms on, by the spans that it had when it decided; one that is
# slow by a few milliseconds more may have become so by a span that came late.
SLOW_US = 600_000


@dataclass(frozen=True)
class Sampled:
    """A trace as Jaeger has it, which is all of it."""

    trace_id: str
    error: bool
    slow: bool
    services: frozenset[str]


def jaeger_traces(at: Addresses) -> list[Sampled]:
    """The traces that Jaeger has and that the Collector has decided on."""
    found = []
    answers = (
        _get(at, "jaeger", 16686, "/api/traces", service=name, limit=1500, lookback="1h")["data"]
        for name in (AGENTS, AUTH, SLOW)
    )
    for trace in {trace["traceID"]: trace for trace in chain.from_iterable(answers)}.values():
        spans = trace["spans"]
        begin = min(span["startTime"] for span in spans)
        end = max(span["startTime"] + span["duration"] for span in spans)
        if end / 1e6 < time.time() - DECIDED:
            tags = {(tag["key"], str(tag["value"])) for span in spans for tag in span["tags"]}
            services = frozenset(process["serviceName"] for process in trace["processes"].values())
            error = ("otel.status_code", "ERROR") in tags
            found.append(Sampled(trace["traceID"], error, end - begin > SLOW_US, services))
    return found


def enough(at: Addresses) -> bool:
    """Whether there was enough traffic of every kind to tell a fault from a quiet minute."""
    traces = jaeger_traces(at)
    crossing = [one for one in traces if {AGENTS, AUTH} <= one.services]
    return len(crossing) >= 100 and sum(one.error for one in crossing) >= 3


def traces_are_in_jaeger(at: Addresses) -> str:
    """Jaeger knows both services and traces that cross them."""
    services = set(_get(at, "jaeger", 16686, "/api/services")["data"])
    assert {AGENTS, AUTH} <= services, services
    traces = jaeger_traces(at)
    crossing = sum({AGENTS, AUTH} <= one.services for one in traces)
    assert crossing, "no trace crosses both services"
    return f"{len(traces)} traces, {crossing} of them through both services"


def tail_sampling_keeps_what_matters(at: Addresses) -> str:
    """Tempo has every trace with an error and every slow one, and a share of the rest."""
    tempo = Tempo(at.url("tempo", 3200))
    kept: dict[str, list[bool]] = {"errors": [], "slow": [], "rest": []}
    for one in jaeger_traces(at):
        found = tempo.trace(one.trace_id) is not None
        kept["errors" if one.error else "slow" if one.slow else "rest"].append(found)
    assert kept["errors"], "no trace failed"
    assert kept["slow"], "no trace was slow"
    assert all(kept["errors"]), f"{kept['errors'].count(False)} traces with errors are not in Tempo"
    assert all(kept["slow"]), f"{kept['slow'].count(False)} slow traces are not in Tempo"
    share = sum(kept["rest"]) / len(kept["rest"])
    assert 0.05 < share < 0.45, f"{share:.0%} of the other traces are in Tempo; 20 % are configured"
    return (
        f"{len(kept['errors'])} errors, {len(kept['slow'])} slow, {share:.0%} of {len(kept['rest'])} others"
    )


def tempo_searches(at: Addresses) -> str:
    """Tempo finds traces by service and by status."""
    now = int(time.time())
    counts = []
    for query in (f'{{ resource.service.name = "{AGENTS}" }}', "{ status = error }", "{ duration > 500ms }"):
        answer = _get(at, "tempo", 3200, "/api/search", q=query, start=now - 3600, end=now, limit=100)
        assert answer["traces"], f"{query} finds nothing"
        counts.append(f"{len(answer['traces'])} by {query}")
    return "; ".join(counts)


def metrics_are_in_prometheus(at: Addresses) -> str:
    """Metrics sent to Jaeger's port reached Prometheus, with the resource's attributes as labels."""
    prometheus = Prometheus(at.url("prometheus", 9090))
    by = "job, service_name, service_version, deployment_environment_name"
    found = prometheus.query(f"count by ({by}) (http_server_request_duration_seconds_count)")
    labels = {one.labels["job"]: one.labels for one in found}
    for job in (AGENTS, AUTH):
        wanted = {
            "job": job,
            "service_name": job,
            "service_version": "1.0.0",
            "deployment_environment_name": "production",
        }
        assert labels.get(job) == wanted, labels
    (names,) = prometheus.query('count(count by (__name__) ({job=~"temponest-.*"}))')
    return f"{names.samples[0][1]:.0f} metrics of both services"


# By the names that Grafana's service graph and its table of spans ask for.
DERIVED = (
    f'traces_spanmetrics_calls_total{{service="{AGENTS}",span_kind="SPAN_KIND_SERVER",status_code="STATUS_CODE_UNSET"}}',
    f'traces_spanmetrics_calls_total{{service="{AGENTS}",status_code="STATUS_CODE_ERROR"}}',
    f'traces_spanmetrics_latency_bucket{{service="{AUTH}",span_kind="SPAN_KIND_SERVER",le="+Inf"}}',
    f'traces_spanmetrics_latency_sum{{service="{AUTH}"}}',
    f'traces_spanmetrics_latency_count{{service="{AUTH}"}}',
    f'traces_service_graph_request_total{{client="{AGENTS}",server="{AUTH}"}}',
    f'traces_service_graph_request_total{{client="{AGENTS}",server="postgresql",connection_type="database"}}',
    f'traces_service_graph_request_total{{client="{AGENTS}",server="redis",connection_type="database"}}',
    f'traces_service_graph_request_server_seconds_bucket{{client="{AGENTS}",server="{AUTH}"}}',
    f'traces_service_graph_request_client_seconds_sum{{client="{AGENTS}",server="{AUTH}"}}',
)


def derived_metrics_have_their_names(at: Addresses) -> str:
    """Span metrics and the service graph have the same names, labels and buckets in both stores."""
    theirs, ours = Prometheus(at.url("prometheus", 9090)), Prometheus(at.url("nest", 9090))
    missing = [
        f"{query} on {name}"
        for name, server in (("Prometheus", theirs), ("the nest", ours))
        for query in DERIVED
        if not server.query(query)
    ]
    assert not missing, missing
    for metric in ("traces_spanmetrics_latency_bucket", "traces_service_graph_request_server_seconds_bucket"):
        query = f"count by (le) ({metric})"
        bounds = [{float(one.labels["le"]) for one in server.query(query)} for server in (theirs, ours)]
        assert bounds[0] == bounds[1], f"{metric}: {bounds}"
    instances = theirs.query("count by (instance) (traces_spanmetrics_calls_total)")
    assert [one.labels for one in instances] == [{}], f"one instance stands for several: {instances}"
    return f"{len(DERIVED)} series"


def exemplars_lead_to_traces(at: Addresses) -> str:
    """Exemplars of requests and of span metrics name traces that Jaeger has."""
    found = []
    for metric in ("http_server_request_duration_seconds_bucket", "traces_spanmetrics_latency_bucket"):
        now = time.time()
        answer = _get(
            at,
            "prometheus",
            9090,
            "/api/v1/query_exemplars",
            query=metric,
            start=now - 3600,
            end=now,
        )
        ids = {one["labels"].get("trace_id") for series in answer["data"] for one in series["exemplars"]} - {
            None
        }
        assert ids, f"{metric} has no exemplar with a trace_id: {answer['data'][:1]}"
        _get(at, "jaeger", 16686, f"/api/traces/{min(ids)}")
        found.append(f"{len(ids)} of {metric}")
    return ", ".join(found)


def _get(at: Addresses, name: str, port: int, path: str, **params: Any) -> dict[str, Any]:
    reply = httpx.get(f"{at.url(name, port)}{path}", params=params, timeout=30)
    assert reply.is_success, f"{name} answers {reply.status_code} to {path}: {reply.text[:300]}"
    document: dict[str, Any] = reply.json()
    return document


CHECKS = (
    traces_are_in_jaeger,
    metrics_are_in_prometheus,
    derived_metrics_have_their_names,
    exemplars_lead_to_traces,
    tempo_searches,
    tail_sampling_keeps_what_matters,
)

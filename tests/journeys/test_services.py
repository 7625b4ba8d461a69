"""Both services with telemetry on: what an operator relies on."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

import httpx
import pytest

from temponest.client.tempo import TraceSummary
from temponest.client.trace import Trace
from temponest.demo.ports import LOOPBACK, free_ports
from temponest.demo.process import Process
from temponest.demo.programs import start_service

from .conftest import Nest, run_nest
from .wait import until

REQUESTS = 500


class Services(NamedTuple):
    """Both services; `headers` carry the token of a registered user."""

    auth: Process
    agents: Process
    auth_url: str
    agents_url: str
    headers: dict[str, str]

    def stop(self) -> None:
        """End both, the caller first."""
        self.agents.stop()
        self.auth.stop()


def run_services(folder: Path, nest: Nest, environment: dict[str, str]) -> Services:
    """Start both services and register a user."""
    ports = free_ports(2)
    auth_url, agents_url = (f"http://{LOOPBACK}:{port}" for port in ports)
    complete = {
        **environment,
        "AUTH_URL": auth_url,
        "OTEL_EXPORTER_OTLP_ENDPOINT": nest.url("OTLP/gRPC"),
    }
    auth = start_service("auth", folder, ports[0], complete)
    agents = start_service("agents", folder, ports[1], complete)
    user = {"email": f"{secrets.token_hex(6)}@example.com", "name": "Ada", "password": secrets.token_hex(8)}
    httpx.post(f"{auth_url}/api/v1/users", json=user).raise_for_status()
    token = httpx.post(f"{auth_url}/api/v1/login", json=user).raise_for_status().json()["token"]
    return Services(auth, agents, auth_url, agents_url, {"Authorization": f"Bearer {token}"})


@pytest.fixture
def services(nest: Nest, tmp_path: Path, service_environment: dict[str, str]) -> Iterator[Services]:
    running = run_services(tmp_path, nest, service_environment)
    yield running
    running.stop()


def found(nest: Nest, query: str, limit: int = 20) -> list[TraceSummary]:
    return nest.tempo.search(query, limit=limit)


def trace_of(nest: Nest, query: str, spans: int) -> Trace:
    """The newest trace that `query` selects, once it has at least `spans` spans."""

    def look() -> Trace | None:
        for summary in found(nest, query, 1):
            trace = nest.tempo.trace(summary.trace_id)
            if trace is not None and len(trace.spans) >= spans:
                return trace
        return None

    return until(look, f"a trace of {query}")


def test_a_run_is_one_trace_over_both_services_postgresql_and_redis(nest: Nest, services: Services) -> None:
    with httpx.Client(base_url=services.agents_url, headers=services.headers) as client:
        agent = client.post("/api/v1/agents", json={"name": "Librarian"}).raise_for_status().json()["id"]
        client.post(f"/api/v1/agents/{agent}/runs", json={"input": "words"}).raise_for_status()
    trace = trace_of(nest, f"{{ span.agent.id = {agent} }}", 12)
    by_id = {span.span_id: span for span in trace.spans}
    assert trace.services == ["temponest-agents", "temponest-auth"]
    assert [span.name for span in trace.roots] == ["POST /api/v1/agents/{agent_id}/runs"]
    assert {"postgresql", "redis"} <= {str(span.attributes.get("db.system.name")) for span in trace.spans}
    served = [span for span in trace.spans if span.service == "temponest-auth" and span.kind == "server"]
    assert {(span.name, by_id[span.parent_id].kind) for span in served} == {
        ("GET /api/v1/verify", "client"),
        ("POST /api/v1/inbox", "client"),
    }
    assert not any("http send" in span.name or "http receive" in span.name for span in trace.spans)


async def test_each_of_500_concurrent_requests_has_one_complete_trace(nest: Nest, services: Services) -> None:
    async with httpx.AsyncClient(
        base_url=services.agents_url,
        headers=services.headers,
        timeout=60,
        limits=httpx.Limits(max_connections=100),
    ) as client:
        agent = (await client.post("/api/v1/agents", json={"name": "Busy"})).raise_for_status().json()["id"]
        # A trace id of our own for each request says which trace belongs to which.
        ids = [secrets.token_hex(16) for _ in range(REQUESTS)]
        parent = secrets.token_hex(8)
        answers = await asyncio.gather(
            *(
                client.get(f"/api/v1/agents/{agent}", headers={"traceparent": f"00-{trace_id}-{parent}-01"})
                for trace_id in ids
            )
        )
    assert {answer.status_code for answer in answers} == {HTTPStatus.OK}
    for trace_id in ids:
        trace = until(lambda wanted=trace_id: whole(nest.tempo.trace(wanted)), f"trace {trace_id}")  # type: ignore[misc]  # mypy does not infer lambdas with defaults
        (request,) = trace.roots
        assert (request.name, request.parent_id) == ("GET /api/v1/agents/{agent_id}", parent)
        # Waiting for a connection of the pool is a span of its own, where there was any waiting.
        names = sorted(span.name.split()[0] for span in request.children if span.name != "acquire connection")
        assert names == ["GET", "GET", "SELECT"]
        (call,) = [span for span in request.children if span.kind == "client" and span.children]
        assert [span.name for span in call.children] == ["GET /api/v1/verify"]


def whole(trace: Trace | None) -> Trace | None:
    """The trace if its server spans of both services have arrived."""
    if trace is None or sum(span.kind == "server" for span in trace.spans) < 2:
        return None
    return trace if len(trace.spans) >= 6 else None


def test_services_answer_while_the_nest_is_gone_and_log_it_once(
    tmp_path: Path, scratch: Path, service_environment: dict[str, str]
) -> None:
    folder = scratch / "killed"
    folder.mkdir()
    nest = run_nest(folder)
    services = run_services(tmp_path, nest, service_environment)
    nest.stop()
    with httpx.Client(base_url=services.agents_url, headers=services.headers) as client:
        statuses = {client.get("/api/v1/agents").status_code for _ in range(200)}
    services.stop()
    log = (tmp_path / "agents.log").read_text()
    assert statuses == {HTTPStatus.OK}
    assert "Traceback" not in log
    # At most one line a signal: traces and metrics.
    assert 1 <= log.count("do not reach") <= 2


def test_a_service_stopped_by_sigterm_delivers_its_last_spans(
    nest: Nest, tmp_path: Path, service_environment: dict[str, str]
) -> None:
    slow = {**service_environment, "OTEL_BSP_SCHEDULE_DELAY": "60000"}
    services = run_services(tmp_path, nest, slow)
    trace_id = secrets.token_hex(16)
    httpx.get(
        f"{services.agents_url}/api/v1/agents",
        headers={**services.headers, "traceparent": f"00-{trace_id}-{secrets.token_hex(8)}-01"},
    ).raise_for_status()
    services.stop()

    def look() -> list[str] | None:
        trace = nest.tempo.trace(trace_id)
        return trace.services if trace is not None and len(trace.services) == 2 else None

    assert until(look, "the trace of both services") == ["temponest-agents", "temponest-auth"]

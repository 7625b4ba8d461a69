"""The snippets of docs/guide.md, pasted into a new service as they stand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from temponest.client.trace import Trace
from temponest.demo.ports import LOOPBACK, free_ports
from temponest.demo.process import Process
from temponest.demo.programs import ROOT, start_app

from .conftest import Nest
from .wait import until

SNIPPETS = dict(
    re.findall(
        r"<!-- snippet: (\w+) -->\n```python\n(.*?)```", (ROOT / "docs" / "guide.md").read_text(), re.DOTALL
    )
)

# What the guide leaves to the reader.
READER = """
from contextlib import asynccontextmanager

from fastapi import FastAPI


@asynccontextmanager
async def lifespan(app):
    yield


async def do_something():
    return [1, 2, 3]
"""

READY = """
@app.get("/ready")
async def ready():
    return "ready"
"""


@dataclass(frozen=True)
class Service:
    """The guide's service, running."""

    process: Process
    url: str


@pytest.fixture
def service(nest: Nest, tmp_path: Path) -> Iterator[Service]:
    package = tmp_path / "services" / "new" / "app"
    package.mkdir(parents=True)
    parts = [
        SNIPPETS["setup"],
        READER,
        SNIPPETS["middlewares"],
        READY,
        SNIPPETS["spans"],
        SNIPPETS["metrics"],
    ]
    (package / "main.py").write_text("\n".join(parts))
    (port,) = free_ports(1)
    environment = {"PYTHONPATH": str(ROOT), "OTEL_EXPORTER_OTLP_ENDPOINT": nest.url("OTLP/gRPC")}
    process = start_app("guide", package.parent, tmp_path, port, environment)
    yield Service(process, f"http://{LOOPBACK}:{port}")
    process.stop()


def test_a_request_and_its_custom_span_reach_the_nest(nest: Nest, service: Service) -> None:
    assert httpx.get(f"{service.url}/api/custom").json() == [1, 2, 3]

    def look() -> Trace | None:
        found = nest.tempo.search('{ name = "GET /api/custom" }')
        return nest.tempo.trace(found[0].trace_id) if found else None

    trace = until(look, "the trace")
    request, custom = trace.walk()
    assert (request.name, request.kind, custom.name) == ("GET /api/custom", "server", "custom-operation")
    assert custom.attributes == {"custom.attribute": "value", "result.count": 3}


def test_the_custom_metric_reaches_the_nest_when_the_service_is_stopped(nest: Nest, service: Service) -> None:
    httpx.get(f"{service.url}/api/custom").raise_for_status()
    # The guide exports every minute; SIGTERM comes long before.
    service.process.stop()
    query = 'custom_requests_total{job="temponest-agents",status="success"}'
    found = until(lambda: nest.prometheus.query(query), "the counter")
    assert found[0].samples[0][1] == 1
    seconds = 'http_server_request_duration_seconds_count{http_route="/api/custom"}'
    assert until(lambda: nest.prometheus.query(seconds), "the histogram")[0].samples[0][1] == 1

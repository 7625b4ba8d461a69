"""Every name that is emitted is one of the semantic conventions, or in our own namespace."""

from __future__ import annotations

import importlib
import pkgutil
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import opentelemetry.semconv._incubating.attributes
import opentelemetry.semconv._incubating.metrics
import opentelemetry.semconv.attributes
import opentelemetry.semconv.metrics
import pytest

from tests.telemetry.emitted import Emitted, emit

OURS = "temponest."


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


@pytest.fixture
async def emitted(postgres_url: str, valkey_url: str, server: str) -> Emitted:
    return await emit(postgres_url, valkey_url, server)


def known(*packages: Any) -> set[str]:
    """The values of all constants of a package's modules."""
    names: set[str] = set()
    for package in packages:
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            constants = vars(importlib.import_module(module.name)).values()
            names |= {value for value in constants if isinstance(value, str)}
    return names


async def test_every_metric_has_a_name_of_the_conventions(emitted: Emitted) -> None:
    names = known(opentelemetry.semconv.metrics, opentelemetry.semconv._incubating.metrics)
    found = {metric.name for of_scope in emitted.metrics for metric in of_scope.metrics}
    assert len(found) > 25
    assert {name for name in found - names if not name.startswith(OURS)} == set()


async def test_every_attribute_has_a_name_of_the_conventions(emitted: Emitted) -> None:
    names = known(opentelemetry.semconv.attributes, opentelemetry.semconv._incubating.attributes)
    found = {key for span in emitted.spans for key in span.attributes or {}}
    found |= {
        key
        for of_scope in emitted.metrics
        for metric in of_scope.metrics
        for point in metric.points
        for key in point.attributes
    }
    assert len(found) > 25
    assert {name for name in found - names if not name.startswith(OURS)} == set()

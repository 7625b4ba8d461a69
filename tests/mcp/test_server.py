"""The tools, called as an agent's client calls them, over a real Tempo API."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from mcp import Client, StdioServerParameters
from mcp.server import MCPServer

from temponest.client.loki import Loki
from temponest.client.tempo import Tempo
from temponest.mcp.server import create_server
from temponest.nest.api import loki as loki_api
from temponest.nest.api import tempo
from temponest.nest.model.signal import Signal
from temponest.nest.model.span import Span
from temponest.nest.store.store import Store
from tests.nest.make import SECOND, T0, span, two_services
from tests.nest.memory_source import MemorySource
from tests.nest.serving import serving
from tests.nest.store.otlp import GivenLog, log_body


def _recent(spans: list[Span]) -> list[Span]:
    """The same spans, as if they had happened in the last minutes."""
    shift = time.time_ns() - 200 * SECOND - T0
    for one in spans:
        one.start_ns += shift
        one.end_ns += shift
        for event in one.events:
            event.time_ns += shift
    return spans


def _spans() -> list[Span]:
    repeated = [span(3, number, 1, "SELECT", service="db", at=number, takes=0.01) for number in range(10, 20)]
    slow = span(3, 2, 1, "charge", service="pay", at=3, takes=4, attributes={"card": "x" * 1000})
    return _recent([*two_services(), span(3, 1, 0, "batch", service="jobs", takes=10), slow, *repeated])


@pytest.fixture(scope="module")
def http() -> Iterator[httpx.Client]:
    with serving(tempo.create_app(MemorySource(_spans()))) as client:
        yield client


@pytest.fixture(scope="module")
def logs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """Lines of the first trace of two services, which began 100 seconds ago."""
    store = Store.open(tmp_path_factory.mktemp("logs"))
    store.start()
    begun = time.time_ns() - 100 * SECOND
    records = [
        GivenLog("checking the card", begun + SECOND, trace=1, span=2),
        GivenLog("refused " + "x" * 1000, begun + 2 * SECOND, severity=17, trace=1),
        GivenLog("of another trace", begun + SECOND, trace=2),
    ]
    store.append(Signal.LOGS, log_body(*records)).result(timeout=60)
    store.flush()
    with serving(loki_api.create_app(store.logs)) as client:
        yield client
    store.close()


@pytest.fixture
def server(http: httpx.Client, logs: httpx.Client) -> Iterator[MCPServer]:
    client = Tempo(str(http.base_url))
    loki = Loki(str(logs.base_url))
    # Its Prometheus is where nothing of Prometheus is: what the tool says then is tested below.
    yield create_server(client, client, loki)
    client.close()
    loki.close()


async def call(server: MCPServer, tool: str, **arguments: Any) -> str:
    async with Client(server) as client:
        result = await client.call_tool(tool, arguments)
    [content] = result.content
    assert content.type == "text"
    return content.text


async def test_every_tool_says_what_it_does_in_a_few_words(server: MCPServer) -> None:
    async with Client(server) as client:
        tools = (await client.list_tools()).tools
    assert len(tools) == 12
    for tool in tools:
        assert tool.description
        assert len(tool.description) < 120


async def test_services_come_with_errors_and_p95(server: MCPServer) -> None:
    assert await call(server, "services") == (
        "db: 10 spans, 0 errors, p95 10.0 ms\n"
        "jobs: 1 spans, 0 errors, p95 10.00 s\n"
        "pay: 2 spans, 1 errors, p95 4.00 s\n"
        "web: 3 spans, 0 errors, p95 3.00 s"
    )


async def test_a_search_is_a_line_a_trace_newest_first(server: MCPServer) -> None:
    lines = (await call(server, "search_traces", query="{ kind = server }")).splitlines()
    assert [line.split()[0][-1] for line in lines] == ["1", "2"]
    assert lines[0].endswith("3.00 s  web GET /orders")
    assert await call(server, "search_traces", query="{ false }") == "no trace matches"


async def test_the_topology_joins_what_is_alike(server: MCPServer) -> None:
    tree = (await call(server, "trace_topology", trace_id="3")).splitlines()
    assert tree[0].startswith("12 spans, 3 services, 0 errors")
    assert tree[1] == "00000000 jobs batch [internal] 10.00 s"
    assert "db SELECT ×10 (total 100.0 ms, longest 10.0 ms)" in tree[3]  # noqa: RUF001 - "times"


async def test_details_clip_long_values(server: MCPServer) -> None:
    text = await call(server, "span_details", trace_id="3", span_ids=["0000000000000002", "ff"])
    assert "pay charge" in text
    assert "(1002 characters)" in text
    assert "ff: no such span" in text


async def test_errors_come_with_their_exception(server: MCPServer) -> None:
    text = await call(server, "trace_errors", trace_id="1")
    assert "ERROR card refused" in text
    assert 'exception.type = "Refused"' in text
    assert await call(server, "trace_errors", trace_id="3") == "no failed span"


async def test_the_logs_of_a_trace_are_a_line_each_and_long_ones_are_cut(server: MCPServer) -> None:
    first, second = (await call(server, "trace_logs", trace_id="1")).splitlines()
    assert re.fullmatch(r"\+\d+\.\d ms  info  auth  00000000  checking the card", first)
    assert "error  auth  refused xxx" in second
    assert "(1008 characters)" in second
    assert await call(server, "trace_logs", trace_id="1", containing="card") == first
    assert await call(server, "trace_logs", trace_id="3") == "no log lines of this trace"


async def test_the_critical_path_names_what_was_waited_for(server: MCPServer) -> None:
    lines = (await call(server, "critical_path", trace_id="1")).splitlines()
    assert [line.split("%")[0].strip() for line in lines] == ["33.3", "33.3", "33.3"]
    assert "pay POST /pay" in "".join(lines)


async def test_what_differs_ranks_by_how_much_more_frequent(server: MCPServer) -> None:
    lines = (await call(server, "what_differs", selection="{ status = error }")).splitlines()
    assert any(line.startswith("span.retry = True: 100% of the selection") for line in lines)


async def test_series_are_a_few_numbers(server: MCPServer) -> None:
    text = await call(server, "trace_metrics", query="{ } | count_over_time() by (name)", since="5m")
    assert "name=SELECT: last" in text
    assert all(len(line.split()) <= 25 for line in text.splitlines())


async def test_names_and_values_of_attributes_are_listed(server: MCPServer) -> None:
    assert "resource: host.name, service.name" in await call(server, "attribute_names")
    assert "pay" in await call(server, "attribute_values", name="resource.service.name")


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("search_traces", {"query": "{ .a = }"}, "line 1, col 8"),
        ("search_traces", {"since": "yesterday"}, "since"),
        ("trace_topology", {"trace_id": "99"}, "no trace 99"),
        ("trace_topology", {"trace_id": "x"}, "no trace id"),
        ("prometheus_metrics", {"query": "up"}, "404"),
    ],
)
async def test_a_mistake_is_an_error_that_says_what_to_do(
    server: MCPServer, tool: str, arguments: dict[str, Any], words: str
) -> None:
    async with Client(server) as client:
        result = await client.call_tool(tool, arguments)
    assert result.is_error
    assert words in str(result.content)


async def test_the_command_speaks_over_standard_input_and_output(http: httpx.Client) -> None:
    command = str(Path(sys.executable).with_name("temponest"))
    parameters = StdioServerParameters(command=command, args=["mcp", "--tempo", str(http.base_url)])
    async with Client(parameters) as client:
        result = await client.call_tool("services", {})
    assert "pay: 2 spans" in str(result.content)

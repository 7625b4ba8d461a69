"""Every answer is one that an agent can afford to read, and says what it left out, however much there is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp import Client
from mcp.server import MCPServer

from temponest.client.loki import Loki
from temponest.client.tempo import Tempo
from temponest.mcp import render
from temponest.mcp.server import create_server
from temponest.nest.api import loki, prometheus, tempo
from temponest.nest.api.server import Security
from temponest.nest.model.signal import Signal
from temponest.nest.store.series.store import SeriesStore
from temponest.nest.store.store import Store
from tests.nest.memory_source import MemorySource
from tests.nest.serving import serving
from tests.nest.store.otlp import SECOND, Given, GivenLog, body, log_body

SPANS = 10_000
NAMES = 5_000
SERVICES = 300
LONG = "x" * 5_000
TOKEN = "secret-of-the-nest"


def _spans() -> list[Given]:
    """A trace of 10,000 spans, half of them failed, that wait for each other; and traces of one span."""
    begun = time.time_ns() - 300 * SECOND
    spans = [
        Given(
            trace=1,
            span=number << 40,
            # A chain, and below each of its spans one of its own.
            parent=(number - 1 if number % 2 else max(1, number - 2)) << 40,
            name=f"step {number % 700} {LONG[:200]}",
            service=f"service-{number % SERVICES}",
            start=begun + number * 1_000_000,
            duration=SECOND,
            status=2 if number % 2 else 0,
            message=f"failed {number % 70} {LONG[:400]}",
            attributes={
                f"app.group{number % 40}.name{number % NAMES}": number,
                "long": LONG[: number % 7 * 50],
            },
        )
        for number in range(2, SPANS)
    ]
    many = {f"app.wide.name{number}": number for number in range(1_000)}
    root = Given(
        trace=1,
        span=1 << 40,
        start=begun,
        duration=60 * SECOND,
        status=2,
        attributes=many,
        events=[("exception", {"exception.stacktrace": LONG})] * 200,
    )
    single = [
        Given(trace=number, span=1, name=f"GET {LONG[:1000]} {number}", start=begun + SECOND)
        for number in range(2, 200)
    ]
    return [root, *spans, *single]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MCPServer]:
    """The tools over a nest that asks for a token."""
    folder: Path = tmp_path_factory.mktemp("sizes")
    store = Store.open(folder)
    store.start()
    spans = _spans()
    for first in range(0, len(spans), 2_000):
        store.append(Signal.TRACES, body(*spans[first : first + 2_000]), patience=60).result(60)
    now = time.time_ns()
    lines = [GivenLog(f"{number} {LONG}", now - 299 * SECOND, trace=1, span=1) for number in range(500)]
    store.append(Signal.LOGS, log_body(*lines), patience=60).result(60)
    store.flush()
    series = SeriesStore(folder / "series", disk_bytes=10**9, retention_seconds=0)
    for number in range(500):
        for minute in range(60):
            series.add(
                (("__name__", "wide"), ("label", f"{LONG[:1000]}{number}")),
                now // 1_000_000 - minute * 60_000,
                number + 0.123456789 * minute,
            )
    security = Security(token=TOKEN)
    with (
        serving(tempo.create_app(store.spans, security)) as traces,
        serving(loki.create_app(store.logs, security)) as logs,
        serving(prometheus.create_app(series, security)) as metrics,
    ):
        clients = (Tempo(str(traces.base_url), TOKEN), Tempo(str(metrics.base_url), TOKEN))
        lines_of = Loki(str(logs.base_url), TOKEN)
        yield create_server(*clients, lines_of)
        for client in (*clients, lines_of):
            client.close()
    store.close()


async def call(server: MCPServer, tool: str, **arguments: Any) -> str:
    async with Client(server) as client:
        result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    [content] = result.content
    assert content.type == "text"
    return content.text


@pytest.mark.parametrize(
    ("tool", "arguments", "characters", "left_out"),
    [
        ("services", {}, 8_000, "201 more services with fewer errors"),
        ("attribute_names", {}, 6_000, "more names; ask for those containing a text (app.*"),
        ("attribute_names", {"containing": "wide"}, 4_000, "900 more names"),
        ("attribute_values", {"name": "name"}, 17_000, "more; narrow them down with query"),
        ("search_traces", {"limit": 50}, 12_000, "(1"),
        ("trace_topology", {"trace_id": "1"}, 16_100, "more"),
        ("span_details", {"trace_id": "1", "span_ids": ["0000010000000000"]}, 6_000, "190 more events"),
        ("span_details", {"trace_id": "1", "span_ids": ["0"] * 10}, 1_000, "9,999 spans begin with this"),
        ("trace_errors", {"trace_id": "1"}, 16_000, "more failed spans; ask span_details"),
        ("trace_logs", {"trace_id": "1"}, 16_100, "more characters"),
        ("critical_path", {"trace_id": "1"}, 8_000, "more spans"),
        ("what_differs", {"selection": "{ status = error }"}, 6_000, "of the selection"),
        ("trace_metrics", {"query": "{ } | rate() by (name)"}, 16_100, "more series"),
        ("prometheus_metrics", {"query": "wide"}, 16_100, "more"),
    ],
)
async def test_an_answer_is_small_and_says_what_it_left_out(
    server: MCPServer, tool: str, arguments: dict[str, Any], characters: int, left_out: str
) -> None:
    text = await call(server, tool, **arguments)
    assert left_out in text
    assert len(text) <= characters


async def test_every_tool_is_in_the_list_above(server: MCPServer) -> None:
    async with Client(server) as client:
        tools = {tool.name for tool in (await client.list_tools()).tools}
    [mark] = test_an_answer_is_small_and_says_what_it_left_out.pytestmark
    assert tools == {case[0] for case in mark.args[1]}


async def test_an_error_is_small_too(server: MCPServer) -> None:
    async with Client(server) as client:
        result = await client.call_tool("search_traces", {"query": "{ " + "a" * 60_000})
    assert result.is_error
    assert len(str(result.content)) < 17_000


async def test_of_many_failures_each_kind_is_shown_before_a_second_of_any(server: MCPServer) -> None:
    text = await call(server, "trace_errors", trace_id="1")
    shown = [line for line in text.splitlines() if " ERROR " in line]
    assert len(shown) == render.MAX_ERRORS
    assert len({line.split(" ERROR ")[1][:12] for line in shown}) == render.MAX_ERRORS
    # Each kind that was left out comes with the id of a span to go on with.
    rest = text.split("more failed spans")[1].splitlines()[1]
    assert "failed" in await call(server, "span_details", trace_id="1", span_ids=[rest.split()[0]])


async def test_attributes_are_found_by_a_part_of_their_name(server: MCPServer) -> None:
    text = await call(
        server, "span_details", trace_id="1", span_ids=["0000010000000000"], containing="name432"
    )
    assert "app.wide.name432 = 432" in text
    assert "app.wide.name1 " not in text


async def test_a_nest_with_a_token_refuses_who_has_none_and_the_error_says_how_to_give_it() -> None:
    with serving(tempo.create_app(MemorySource(), Security(token=TOKEN))) as http:
        client = Tempo(str(http.base_url))
        bare = create_server(client, client, Loki(str(http.base_url)))
        async with Client(bare) as agent:
            result = await agent.call_tool("services", {})
        client.close()
    assert result.is_error
    assert "401" in str(result.content)
    assert "TEMPONEST_TOKEN" in str(result.content)
    assert TOKEN not in str(result.content)

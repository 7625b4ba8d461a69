"""Attribute names and values are data everywhere: no quote, bracket or comment in them means anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from urllib.parse import quote

import httpx
import pytest

from temponest.nest.api import jaeger, tempo
from temponest.nest.model.fetch import Attribute, AttributeScope
from temponest.nest.traceql.printer import attribute_name, print_node
from temponest.nest.traceql.tree import Literal, Type
from tests.nest.make import SECOND, T0, span
from tests.nest.serving import serving
from tests.nest.traceql import sources

HOSTILE = [
    "'; DROP TABLE spans; --",
    '" OR 1=1 --',
    "a' OR ''='",
    "name}) UNION SELECT * FROM x --",
    "$1",
    "?",
    "{0}",
    "%s%n",
    "back\\slash",
    "new\nline",
    "tab\there",
    "../../etc/passwd",
    "*",
    ".*",
    "[a-z]+(",
    "<script>alert(1)</script>",
    "ünïcödé 💥",
    "zero\u0000byte",
    "a" * 5_000,
    " ",
    "resource.service.name",
    "duration",
]
NUMBERED = [pytest.param(number, text, id=str(number)) for number, text in enumerate(HOSTILE, 1)]
SPANS = [
    span(number, 1, attributes={text: text, "plain": text}, resource={f"r{text}": text}, name=text)
    for number, text in enumerate(HOSTILE, 1)
]


@pytest.fixture(scope="module", params=["memory", "recent", "segments"])
def clients(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[httpx.Client, httpx.Client]]:
    folder = tmp_path_factory.mktemp("hostile") / "data"
    with (
        sources.source(request.param, SPANS, folder) as source,
        serving(tempo.create_app(source)) as tempo_client,
        serving(jaeger.create_app(source)) as jaeger_client,
    ):
        yield tempo_client, jaeger_client


def _literal(text: str) -> str:
    return print_node(Literal(Type.STRING, text))


@pytest.mark.parametrize(("number", "text"), NUMBERED)
def test_a_hostile_name_or_value_finds_its_span_and_no_other(
    clients: tuple[httpx.Client, httpx.Client], number: int, text: str
) -> None:
    name = attribute_name(Attribute(AttributeScope.SPAN, text))
    for query in (
        f"{{ {name} = {_literal(text)} }}",
        f"{{ span.plain = {_literal(text)} }}",
        f"{{ name = {_literal(text)} }}",
        f"{{ {attribute_name(Attribute(AttributeScope.RESOURCE, 'r' + text))} = {_literal(text)} }}",
    ):
        reply = clients[0].get("/api/search", params={"q": query})
        assert reply.status_code == 200, (query, reply.text)
        assert [one["traceID"] for one in reply.json()["traces"]] == [f"{number:x}"], query


@pytest.mark.parametrize(("number", "text"), NUMBERED)
def test_a_hostile_tag_finds_its_trace_in_jaeger(
    clients: tuple[httpx.Client, httpx.Client], number: int, text: str
) -> None:
    params = {
        "tags": json.dumps({text: text}),
        "operation": text,
        "start": str(T0 // 1000 - 1),
        "end": str((T0 + SECOND) // 1000),
    }
    if text.startswith("resource."):
        params["tags"] = json.dumps({"plain": text})
    found = clients[1].get("/api/traces", params=params).json()["data"]
    assert [one["traceID"] for one in found] == [f"{number:016x}"]


@pytest.mark.parametrize("text", [text for text in HOSTILE if text != "duration" and ".." not in text])
def test_values_of_a_hostile_tag_are_listed(clients: tuple[httpx.Client, httpx.Client], text: str) -> None:
    tag = quote("span." + text, safe="")
    reply = clients[0].get(f"/api/v2/search/tag/{tag}/values")
    assert {"type": "string", "value": text} in reply.json()["tagValues"]


def test_comparing_and_grouping_by_everything_hostile_counts_every_span(
    clients: tuple[httpx.Client, httpx.Client],
) -> None:
    window = {"start": str(T0 // SECOND - 10), "end": str(T0 // SECOND + 10), "step": "20s"}
    for query in (
        '{ } | compare({ span.plain =~ ".*\'.*" })',
        "{ } | count_over_time() by (span.plain, name)",
    ):
        reply = clients[0].get("/api/metrics/query_range", params={"q": query, **window})
        assert reply.status_code == 200
        assert len(reply.json()["series"]) >= len(HOSTILE)


@pytest.mark.parametrize(
    "pattern", ["(a*)*b", "(a|a)*$", "(.*){50}", "((a+)+)+x", "[" + "a" * 1_000 + "]{900}"]
)
def test_no_pattern_takes_longer_than_the_text_is_long(
    clients: tuple[httpx.Client, httpx.Client], pattern: str
) -> None:
    query = f"{{ span.plain =~ {_literal(pattern)} }}"
    assert clients[0].get("/api/search", params={"q": query}).status_code in (200, 400)

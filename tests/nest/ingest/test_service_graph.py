"""The columns of whole batches give what counting span by span gives."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from temponest.nest.ingest import service_graph
from temponest.nest.ingest.service_graph import ServiceGraph
from temponest.nest.model.span import Kind, Status
from temponest.nest.store.schema import FIXED, TEXT

MILLISECOND = 1_000_000


@dataclass(frozen=True)
class Side:
    """A span, as far as the graph looks at it."""

    trace: int
    span: int
    parent: int  # 0 for none
    kind: Kind
    service: str | None
    failed: bool
    milliseconds: int
    system: str | None
    old_system: str | None

    @property
    def calls(self) -> bool:
        return self.kind in (Kind.CLIENT, Kind.PRODUCER)


# Few of each, so that ids meet, come twice and agree across traces.
sides = st.builds(
    Side,
    trace=st.integers(1, 2),
    span=st.integers(1, 6),
    parent=st.integers(0, 6),
    kind=st.sampled_from(Kind),
    service=st.sampled_from(["front", "back", None]),
    failed=st.booleans(),
    milliseconds=st.integers(-1, 20_000),
    system=st.sampled_from([None, None, "", "postgresql"]),
    old_system=st.sampled_from([None, None, "redis"]),
)
with_systems = st.sampled_from([(), ("system",), ("system", "old_system")])


def table(batch: list[Side]) -> pa.Table:
    rows = [
        {
            "trace_id": one.trace.to_bytes(16, "big"),
            "span_id": one.span.to_bytes(8, "big"),
            "parent_span_id": one.parent.to_bytes(8, "big") if one.parent else None,
            "kind": one.kind,
            "duration_ns": one.milliseconds * MILLISECOND,
            "status": Status.ERROR if one.failed else Status.UNSET,
            "service": one.service,
            "str:db.system.name": one.system,
            "str:db.system": one.old_system,
        }
        for one in batch
    ]
    schema = FIXED.append(pa.field("str:db.system.name", TEXT)).append(pa.field("str:db.system", TEXT))
    return pa.Table.from_pylist(rows, schema)


def one_by_one(batches: list[list[Side]]) -> dict[tuple[str, str, str, str], float]:
    """Totals, failures and milliseconds of each edge, with every span looked at when it comes."""
    found: Counter[tuple[str, str, str, str]] = Counter()
    waiting: tuple[dict[tuple[int, int], Side], ...] = ({}, {})

    def count(client: str | None, server: str | None, connection: str, *of: Side) -> None:
        edge = (client or "", server or "", connection)
        found[*edge, "total"] += 1
        found[*edge, "failed"] += any(one.failed for one in of)
        found[*edge, "client"] += max(of[0].milliseconds, 0)
        found[*edge, "server"] += max(of[-1].milliseconds, 0)

    for one in (one for batch in batches for one in batch):
        system = one.old_system if one.system is None else one.system
        if one.calls and system:
            count(one.service, system, "database", one)
        elif one.calls or (one.kind in (Kind.SERVER, Kind.CONSUMER) and one.parent):
            key = (one.trace, one.span if one.calls else one.parent)
            other = waiting[one.calls].pop(key, None)
            if other is None:
                waiting[not one.calls][key] = one
            else:
                client, server = (one, other) if one.calls else (other, one)
                messaging = one.kind in (Kind.PRODUCER, Kind.CONSUMER)
                count(client.service, server.service, "messaging_system" if messaging else "", client, server)
    return {key: value for key, value in found.items() if value}


def counted(graph: ServiceGraph) -> dict[tuple[str, str, str, str], float]:
    """The same, as the graph's samples say it."""
    names = {
        "traces_service_graph_request_total": ("total", 1),
        "traces_service_graph_request_failed_total": ("failed", 1),
        "traces_service_graph_request_client_seconds_sum": ("client", 1000),
        "traces_service_graph_request_server_seconds_sum": ("server", 1000),
    }
    found = {}
    for labels, value in graph.samples():
        of = dict(labels)
        if value and of["__name__"] in names:
            name, scale = names[of["__name__"]]
            edge = (of.get("client", ""), of.get("server", ""), of.get("connection_type", ""))
            found[*edge, name] = value * scale
    return found


def side(kind: Kind, span: int = 1, parent: int = 0, *, milliseconds: int = 1) -> Side:
    return Side(1, span, parent, kind, kind.name, False, milliseconds, None, None)


@given(st.lists(st.lists(sides, max_size=30), max_size=4))
@example([[side(Kind.CLIENT)], [side(Kind.SERVER, 2, 1), side(Kind.CLIENT, milliseconds=9)]])
@example([[side(Kind.PRODUCER), side(Kind.SERVER, 2, 1)]])
def test_batches_count_what_their_spans_one_by_one_count(batches: list[list[Side]]) -> None:
    graph = ServiceGraph()
    for batch in batches:
        graph.add(table(batch))
    assert counted(graph) == pytest.approx(one_by_one(batches))


@given(st.lists(sides, min_size=1, max_size=30))
def test_buckets_hold_every_request_of_an_edge(batch: list[Side]) -> None:
    graph = ServiceGraph()
    graph.add(table(batch))
    values = dict(graph.samples())
    for labels, value in values.items():
        of = dict(labels)
        if of.get("le") == "+Inf":
            total = {k: v for k, v in of.items() if k != "le"} | {
                "__name__": "traces_service_graph_request_total"
            }
            assert value == values[tuple(sorted(total.items()))]


def test_the_halves_that_wait_are_bounded_and_the_oldest_give_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(service_graph, "WAITING", 2)

    graph = ServiceGraph()
    graph.add(table([side(Kind.CLIENT, span) for span in (1, 2, 3)]))
    graph.add(table([side(Kind.SERVER, 9, 1)]))
    assert counted(graph) == {}
    graph.add(table([side(Kind.SERVER, 9, 2)]))
    assert counted(graph)["CLIENT", "SERVER", "", "total"] == 1

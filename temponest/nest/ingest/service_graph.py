"""Who calls whom: a client span and the server span it is the parent of make one request between services."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from ..model.series import Metadata
from ..model.span import Kind, Status
from .span_metrics import BOUNDS, Latency, Sample, buckets_of, series

# Halves that wait for the other one. Both arrive within a second or two of each other; the oldest half gives
# way, as its other one was sampled away or belongs to somebody who sends no spans.
WAITING = 20_000
# Pairs of services that are told apart.
EDGES = 5_000

METADATA = {
    "traces_service_graph_request_total": Metadata("counter", "Requests between two services.", ""),
    "traces_service_graph_request_failed_total": Metadata(
        "counter", "Failed requests between two services.", ""
    ),
    "traces_service_graph_request_server_seconds": Metadata(
        "histogram", "Time a request took as its server saw it.", "s"
    ),
    "traces_service_graph_request_client_seconds": Metadata(
        "histogram", "Time a request took as its client saw it.", "s"
    ),
}

Edge: TypeAlias = tuple[str, str, str]  # client, server, connection type


@dataclass(frozen=True, slots=True)
class Half:
    """One side of a request."""

    service: str
    seconds: float
    bucket: int
    failed: bool


@dataclass(slots=True)
class Requests:
    """Counters of one edge."""

    total: int = 0
    failed: int = 0
    server: Latency = field(default_factory=Latency)
    client: Latency = field(default_factory=Latency)


class ServiceGraph:
    """Counters since the start of the nest. One thread adds, another may ask for samples between two adds."""

    def __init__(self) -> None:
        self._clients: dict[tuple[bytes, bytes], Half] = {}
        self._servers: dict[tuple[bytes, bytes], Half] = {}
        self._edges: dict[Edge, Requests] = {}

    def add(self, table: pa.Table) -> None:
        """Take a batch of spans (columns of `store/schema.py`)."""
        sides = [int(kind) for kind in (Kind.SERVER, Kind.CLIENT, Kind.PRODUCER, Kind.CONSUMER)]
        chosen = table.filter(pc.is_in(table.column("kind"), pa.array(sides, pa.int8())))
        if not chosen.num_rows:
            return
        seconds, buckets = buckets_of(chosen.column("duration_ns"))
        columns = ("trace_id", "span_id", "parent_span_id", "kind", "status", "service")
        rows: Sequence[Sequence[Any]] = [chosen.column(name).to_pylist() for name in columns]
        systems = _first_of(chosen, ("str:db.system.name", "str:db.system"))
        for trace_id, span_id, parent_id, kind, status, service, took, bucket, system in zip(
            *rows, seconds.tolist(), buckets.tolist(), systems, strict=True
        ):
            half = Half(service or "", took, bucket, status == Status.ERROR)
            if kind in (Kind.CLIENT, Kind.PRODUCER):
                if system:
                    self._count((half.service, system, "database"), half, half)
                else:
                    self._client((trace_id, span_id), half, kind)
            elif parent_id:
                self._server((trace_id, parent_id), half, kind)

    def samples(self) -> Iterator[Sample]:
        """The present value of every series."""
        for (client, server, connection), requests in list(self._edges.items()):
            labels = {"client": client, "server": server, "connection_type": connection}
            yield series("traces_service_graph_request_total", labels), float(requests.total)
            yield series("traces_service_graph_request_failed_total", labels), float(requests.failed)
            yield from requests.server.samples("traces_service_graph_request_server_seconds", labels)
            yield from requests.client.samples("traces_service_graph_request_client_seconds", labels)

    def _client(self, key: tuple[bytes, bytes], half: Half, kind: int) -> None:
        server = self._servers.pop(key, None)
        if server is None:
            _remember(self._clients, key, half)
        else:
            self._count((half.service, server.service, _connection(kind)), half, server)

    def _server(self, key: tuple[bytes, bytes], half: Half, kind: int) -> None:
        client = self._clients.pop(key, None)
        if client is None:
            _remember(self._servers, key, half)
        else:
            self._count((client.service, half.service, _connection(kind)), client, half)

    def _count(self, edge: Edge, client: Half, server: Half) -> None:
        requests = self._edges.get(edge)
        if requests is None:
            if len(self._edges) >= EDGES:
                return
            requests = self._edges[edge] = Requests()
        requests.total += 1
        requests.failed += client.failed or server.failed
        for latency, half in ((requests.client, client), (requests.server, server)):
            latency.counts[half.bucket] += 1
            latency.seconds += half.seconds


def _connection(kind: int) -> str:
    return "messaging_system" if kind in (Kind.PRODUCER, Kind.CONSUMER) else ""


def _remember(halves: dict[tuple[bytes, bytes], Half], key: tuple[bytes, bytes], half: Half) -> None:
    halves[key] = half
    if len(halves) > WAITING:
        del halves[next(iter(halves))]


def _first_of(table: pa.Table, names: Sequence[str]) -> Sequence[str | None]:
    """For each row the first of these attributes that it has."""
    found = [pc.cast(table.column(name), pa.string()) for name in names if name in table.schema.names]
    if not found:
        return [None] * table.num_rows
    column = pc.coalesce(*found) if len(found) > 1 else found[0]
    values: list[str | None] = column.to_pylist()
    return values


__all__ = ["BOUNDS", "METADATA", "ServiceGraph"]

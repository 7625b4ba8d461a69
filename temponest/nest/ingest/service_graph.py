"""Who calls whom: a client span and the server span it is the parent of make one request between services."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from ..model.series import Metadata
from .halves import Halves, Names
from .latency import Latency, Numbers, Sample, series

# Clients, and as many servers, that wait for the other side. Both sides arrive within a second or two of each
# other; the oldest gives way, as its other side was sampled away or belongs to somebody who sends no spans.
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

# By number; whether a side is one of messaging is the number of its connection.
_CONNECTIONS = ("", "messaging_system", "database")
_DATABASE = 2


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
        self._waiting: Halves | None = None
        self._edges: dict[Edge, Requests] = {}

    def add(self, table: pa.Table) -> None:
        """Take a batch of spans (columns of `store/schema.py`)."""
        if not table.num_rows:
            return
        halves, asking, systems = Halves.of(table)
        self._count(asking, asking, systems, np.full(len(asking), _DATABASE))
        if self._waiting is not None:
            halves = self._waiting.followed_by(halves)
        clients, servers, left = halves.paired()
        connections = halves.messaging[np.maximum(clients, servers)].astype(np.int64)
        asked = halves.take(servers)
        self._count(halves.take(clients), asked, asked.services, connections)
        calls = halves.calls[left]
        newest = np.concatenate((left[calls][-WAITING:], left[~calls][-WAITING:]))
        self._waiting = halves.take(np.sort(newest))

    def samples(self) -> Iterator[Sample]:
        """The present value of every series."""
        for (client, server, connection), requests in list(self._edges.items()):
            labels = {"client": client, "server": server, "connection_type": connection}
            yield series("traces_service_graph_request_total", labels), float(requests.total)
            yield series("traces_service_graph_request_failed_total", labels), float(requests.failed)
            yield from requests.server.samples("traces_service_graph_request_server_seconds", labels)
            yield from requests.client.samples("traces_service_graph_request_client_seconds", labels)

    def _count(self, clients: Halves, servers: Halves, names: Names, connections: Numbers) -> None:
        """Count requests by their two sides; `names` is what servers are called."""
        width, kinds = len(names.texts), len(_CONNECTIONS)
        codes = (clients.services.codes * width + names.codes) * kinds + connections
        distinct, group = np.unique(codes, return_inverse=True)
        totals = np.bincount(group, minlength=len(distinct)).tolist()
        failed = np.bincount(group, clients.failed | servers.failed, len(distinct)).tolist()
        by_client = clients.durations.grouped(group, len(distinct))
        by_server = servers.durations.grouped(group, len(distinct))
        for number, code in enumerate(distinct.tolist()):
            rest, connection = divmod(code, kinds)
            client, server = divmod(rest, width)
            edge = (clients.services.texts[client], names.texts[server], _CONNECTIONS[connection])
            requests = self._requests(edge)
            if requests is not None:
                requests.total += totals[number]
                requests.failed += int(failed[number])
                requests.client.add(by_client[number])
                requests.server.add(by_server[number])

    def _requests(self, edge: Edge) -> Requests | None:
        """The counters of an edge, None when there are too many edges."""
        requests = self._edges.get(edge)
        if requests is None and len(self._edges) < EDGES:
            requests = self._edges[edge] = Requests()
        return requests

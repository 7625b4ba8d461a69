"""Who calls whom: a client span and the server span it is the parent of make one request between services."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from ..model.series import Metadata
from .halves import Halves, Key, Names
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
Half: TypeAlias = tuple[str, float, int, bool]  # service, seconds, bucket, failed

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
        self._clients: dict[Key, Half] = {}
        self._servers: dict[Key, Half] = {}
        self._edges: dict[Edge, Requests] = {}

    def add(self, table: pa.Table) -> None:
        """Take a batch of spans (columns of `store/schema.py`)."""
        if not table.num_rows:
            return
        halves = Halves(table)
        asking = np.flatnonzero(halves.stores)
        self._count(halves, asking, asking, halves.systems, np.full(len(asking), _DATABASE))
        clients, servers = halves.pairs()
        # A half that came twice is paired in the order of arrival, as any other that waits.
        fresh = np.array(
            [key not in self._clients and key not in self._servers for key in halves.keys(clients)], np.bool_
        )
        clients, servers = clients[fresh], servers[fresh]
        connections = halves.messaging[np.maximum(clients, servers)].astype(np.int64)
        self._count(halves, clients, servers, halves.services, connections)
        left = halves.calls | halves.serves
        left[clients] = left[servers] = False
        self._match(halves, np.flatnonzero(left))

    def samples(self) -> Iterator[Sample]:
        """The present value of every series."""
        for (client, server, connection), requests in list(self._edges.items()):
            labels = {"client": client, "server": server, "connection_type": connection}
            yield series("traces_service_graph_request_total", labels), float(requests.total)
            yield series("traces_service_graph_request_failed_total", labels), float(requests.failed)
            yield from requests.server.samples("traces_service_graph_request_server_seconds", labels)
            yield from requests.client.samples("traces_service_graph_request_client_seconds", labels)

    def _count(
        self, halves: Halves, clients: Numbers, servers: Numbers, names: Names, connections: Numbers
    ) -> None:
        """Count requests whose two sides are rows of the batch; `names` is what servers are called."""
        width, kinds = len(names.texts), len(_CONNECTIONS)
        codes = (halves.services.codes[clients] * width + names.codes[servers]) * kinds + connections
        distinct, group = np.unique(codes, return_inverse=True)
        totals = np.bincount(group, minlength=len(distinct)).tolist()
        failed = np.bincount(group, halves.failed[clients] | halves.failed[servers], len(distinct)).tolist()
        by_client = halves.durations.take(clients).grouped(group, len(distinct))
        by_server = halves.durations.take(servers).grouped(group, len(distinct))
        for number, code in enumerate(distinct.tolist()):
            rest, connection = divmod(code, kinds)
            client, server = divmod(rest, width)
            edge = (halves.services.texts[client], names.texts[server], _CONNECTIONS[connection])
            requests = self._requests(edge)
            if requests is not None:
                requests.total += totals[number]
                requests.failed += int(failed[number])
                requests.client.add(by_client[number])
                requests.server.add(by_server[number])

    def _match(self, halves: Halves, rows: Numbers) -> None:
        """Look for the other side of these rows among what waits, or let them wait."""
        services = halves.services.texts
        waiting = zip(
            [services[code] for code in halves.services.codes[rows].tolist()],
            halves.durations.seconds[rows].tolist(),
            halves.durations.buckets[rows].tolist(),
            halves.failed[rows].tolist(),
            strict=True,
        )
        sides = (halves.calls[rows].tolist(), halves.messaging[rows].tolist())
        for key, half, calls, messaging in zip(halves.keys(rows), waiting, *sides, strict=True):
            own, others = (self._clients, self._servers) if calls else (self._servers, self._clients)
            other = others.pop(key, None)
            if other is None:
                own[key] = half
            else:
                client, server = (half, other) if calls else (other, half)
                self._count_one(client, server, _CONNECTIONS[messaging])
        for own in (self._clients, self._servers):
            # All at once: the front of a dict that lost its first keys is slow to look for one by one.
            for key in list(islice(own, max(0, len(own) - WAITING))):
                del own[key]

    def _count_one(self, client: Half, server: Half, connection: str) -> None:
        requests = self._requests((client[0], server[0], connection))
        if requests is not None:
            requests.total += 1
            requests.failed += client[3] or server[3]
            for latency, (_, seconds, bucket, _) in ((requests.client, client), (requests.server, server)):
                latency.counts[bucket] += 1
                latency.seconds += seconds

    def _requests(self, edge: Edge) -> Requests | None:
        """The counters of an edge, None when there are too many edges."""
        requests = self._edges.get(edge)
        if requests is None and len(self._edges) < EDGES:
            requests = self._edges[edge] = Requests()
        return requests

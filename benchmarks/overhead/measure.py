"""Processor time of a process by blocks of requests, and what the blocks say about each other.

A block is a number of requests to one server; blocks of the variants follow each other in a new random order
each round. A block's cost is what all threads of the process have used since the end of its previous block,
so that exports between two blocks are paid by those who caused them.

Two processes of the same program differ by a few percent for as long as they live, and those that were
started last are often the cheaper ones. So every variant is measured in several processes, one of each at a
time, started in random order; a process is compared with those that ran beside it.
"""

from __future__ import annotations

import http.client
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import quantiles
from typing import Final

RESAMPLES: Final = 2000


def cpu_seconds(pid: int) -> tuple[float, float]:
    """Processor time of a process since its start: of all its threads, and of those but the main one."""
    total = other = 0.0
    for task in Path(f"/proc/{pid}/task").iterdir():
        try:
            used = int((task / "schedstat").read_text().split()[0]) / 1e9
        except FileNotFoundError:  # a thread that has just ended
            continue
        total += used
        if task.name != str(pid):
            other += used
    return total, other


def resident_mb(pid: int) -> float:
    """Resident memory of a process in MB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1000
    return 0.0


@dataclass
class Server:
    """One process of a variant and what was measured of it.

    Attributes:
        variant: its name.
        pid: its process.
        port: where it listens on loopback.
        requests: how many each block held.
        cost: processor seconds of each block.
        latency: seconds of each request.
        other: processor seconds of all threads but the main one, over the whole run.
        resident: memory in MB at the end.
        spans: spans that the receiver has got from it.
        told: processor seconds that its telemetry says it took, by part.
    """

    variant: str
    pid: int
    port: int
    requests: int = 0
    cost: list[float] = field(default_factory=list)
    latency: list[float] = field(default_factory=list)
    other: float = 0.0
    resident: float = 0.0
    spans: int = 0
    told: dict[str, float] = field(default_factory=dict)
    _seen: float = 0.0

    def start(self) -> None:
        """Begin to measure: what was used before does not count."""
        self._seen, self.other = cpu_seconds(self.pid)
        self.cost, self.latency = [], []
        self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)

    def block(self, path: str, requests: int) -> None:
        """Send the requests of one block, one after another, and note their cost."""
        self.requests = requests
        for _ in range(requests):
            begin = time.perf_counter()
            self._connection.request("GET", path)
            reply = self._connection.getresponse()
            reply.read()
            self.latency.append(time.perf_counter() - begin)
            if reply.status != 200:
                raise RuntimeError(f"{self.variant} answered {reply.status} to {path}")
        total, _ = cpu_seconds(self.pid)
        self.cost.append(total - self._seen)
        self._seen = total

    def finish(self) -> None:
        """Let the last block pay for what was still waiting to be exported."""
        total, other = cpu_seconds(self.pid)
        self.cost[-1] += total - self._seen
        self._seen = total
        self.other = other - self.other
        self.resident = resident_mb(self.pid)

    def request_us(self) -> float:
        """Mean processor time of one request in microseconds."""
        return sum(self.cost) / (len(self.cost) * self.requests) * 1e6


@dataclass
class Variant:
    """All processes of a variant; each has had as many blocks as the others.

    Attributes:
        name: its name; copies without telemetry begin with "none".
        processes: one of each set, in the order of the sets.
    """

    name: str
    processes: list[Server]

    def mean(self, of: Callable[[Server], float]) -> float:
        """The mean over its processes."""
        return sum(map(of, self.processes)) / len(self.processes)

    def request_us(self) -> float:
        """Mean processor time of one request in microseconds."""
        return self.mean(Server.request_us)

    def percentile_ms(self, percent: int) -> float:
        """Latency that this share of requests stays below, in milliseconds."""
        latency = [seconds for server in self.processes for seconds in server.latency]
        return quantiles(latency, n=100)[percent - 1] * 1e3


def run(servers: list[Server], path: str, requests: int, rounds: int, seed: int = 1) -> None:
    """Measure the servers against each other.

    Args:
        servers: running variants.
        path: what to ask for.
        requests: per block.
        rounds: blocks per variant.
        seed: of the random order.
    """
    order = random.Random(seed)  # noqa: S311 - an order, not a secret
    for server in servers:
        server.start()
        server.block(path, requests)
        server.start()
    for _ in range(rounds):
        for server in order.sample(servers, len(servers)):
            server.block(path, requests)


def overhead(variant: Variant, none: list[Variant], seed: int = 1) -> tuple[float, float, float]:
    """How much more processor time a variant takes than the mean of the copies without telemetry.

    Args:
        variant: what to compare.
        none: the copies.
        seed: of the bootstrap.

    Returns:
        The ratio minus one, and the bounds of its 95 % interval, from a bootstrap over sets of processes and
        the rounds of each.
    """
    sets, rounds = len(variant.processes), len(variant.processes[0].cost)

    def ratio(chosen: list[tuple[int, list[int]]]) -> float:
        cost = base = 0.0
        for number, blocks in chosen:
            cost += sum(variant.processes[number].cost[block] for block in blocks)
            base += sum(copy.processes[number].cost[block] for copy in none for block in blocks) / len(none)
        return cost / base - 1

    chance = random.Random(seed)  # noqa: S311 - a resample, not a secret
    drawn = sorted(
        ratio(
            [
                (number, chance.choices(range(rounds), k=rounds))
                for number in chance.choices(range(sets), k=sets)
            ]
        )
        for _ in range(RESAMPLES)
    )
    whole = ratio([(number, list(range(rounds))) for number in range(sets)])
    return whole, drawn[RESAMPLES // 40], drawn[-RESAMPLES // 40]


def spread(none: list[Variant]) -> float:
    """How far one process without telemetry is at most from the mean of those that ran beside it."""
    found = 0.0
    for beside in zip(*(copy.processes for copy in none), strict=True):
        mean = sum(server.request_us() for server in beside) / len(beside)
        found = max(found, *(abs(server.request_us() / mean - 1) for server in beside))
    return found

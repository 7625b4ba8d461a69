"""What the nest holds when large requests come at once, by its process's own peak."""

from __future__ import annotations

import gzip
import re
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import grpc
import httpx
import pytest

from temponest.demo.ports import LOOPBACK, free_ports
from temponest.demo.programs import NEST_OPTIONS, start_nest
from temponest.nest.ingest.grpc import SERVICES
from temponest.nest.model.signal import Signal

from .messages import request

MOST_MB = 300
AT_ONCE = 6
LARGE = 63 * 1024 * 1024


@dataclass(frozen=True)
class Nest:
    """A nest in a process of its own."""

    http: str
    grpc: str
    pid: int

    @property
    def peak_mb(self) -> float:
        """The most that was resident since the start."""
        status = Path(f"/proc/{self.pid}/status").read_text()
        found = re.search(r"VmHWM:\s+(\d+) kB", status)
        assert found is not None
        return int(found[1]) * 1024 / 1e6


@pytest.fixture
def nest(tmp_path: Path) -> Iterator[Nest]:
    ports = dict(zip(NEST_OPTIONS, free_ports(len(NEST_OPTIONS)), strict=True))
    process = start_nest(tmp_path, ports)
    try:
        yield Nest(f"http://{LOOPBACK}:{ports['OTLP/HTTP']}", f"{LOOPBACK}:{ports['OTLP/gRPC']}", process.pid)
    finally:
        process.stop()


@pytest.fixture(scope="module")
def large() -> bytes:
    """Spans of 63 MiB, gzipped: resource spans of a megabyte each, as a Collector batches them."""
    group = request(secrets.token_bytes(16), 2000, **{f"key.{n}": secrets.token_hex(16) for n in range(10)})
    encoded = group.SerializeToString()
    return gzip.compress(encoded * (LARGE // len(encoded)), 1)


def by_http(nest: Nest, body: bytes) -> str:
    headers = {"Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"}
    answer = httpx.post(f"{nest.http}/v1/traces", content=body, headers=headers, timeout=60)
    return f"{answer.status_code} {answer.headers.get('retry-after', '')}".strip()


def by_grpc(nest: Nest, body: bytes) -> str:
    options = [("grpc.max_send_message_length", -1)]
    with grpc.insecure_channel(nest.grpc, options) as channel:
        # Sent as it is: a client that compresses takes longer to do it than the nest to take it.
        export: grpc.UnaryUnaryMultiCallable[bytes, bytes] = channel.unary_unary(
            f"/{SERVICES[Signal.TRACES]}/Export"
        )
        try:
            export(body, timeout=60)
        except grpc.RpcError as error:
            return cast("grpc.Call", error).code().name
    return "OK"


@pytest.mark.parametrize(
    ("send", "taken", "refused"),
    [(by_http, "200", "429 1"), (by_grpc, "OK", "RESOURCE_EXHAUSTED")],
    ids=["http", "grpc"],
)
def test_large_requests_at_once_are_taken_one_by_one_within_the_limit_of_memory(
    nest: Nest, large: bytes, send: Callable[[Nest, bytes], str], taken: str, refused: str
) -> None:
    with ThreadPoolExecutor(AT_ONCE) as senders:
        answers = list(senders.map(lambda _: send(nest, large), range(AT_ONCE)))
    assert taken in answers
    assert set(answers) <= {taken, refused}
    assert send(nest, large) == taken
    assert nest.peak_mb <= MOST_MB

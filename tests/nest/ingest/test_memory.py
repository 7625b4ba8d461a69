"""What the nest holds when large requests come at once, by its process's own peak."""

from __future__ import annotations

import gzip
import re
import resource
import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import grpc
import httpx
import pytest

from temponest.demo.ports import LOOPBACK, free_ports
from temponest.demo.programs import NEST_OPTIONS, start_nest
from temponest.nest.ingest.grpc import MAX_MESSAGE, SERVICES
from temponest.nest.model.signal import Signal

from .messages import request

MOST_MB = 300
AT_ONCE = 6
MIB = 1024 * 1024
LARGE = 63 * MIB


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

    @property
    def spools(self) -> list[str]:
        """Files without a name that it has open."""
        names = []
        for path in Path(f"/proc/{self.pid}/fd").iterdir():
            with suppress(FileNotFoundError):
                names.append(path.readlink().name)
        return [name for name in names if re.fullmatch(r"(#\d+|tmp\w+) \(deleted\)", name)]


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


@pytest.fixture(scope="module")
def large_json() -> bytes:
    """Log records of 63 MiB of JSON in one list, gzipped."""
    record = '{"timeUnixNano":"1700000000000000000","body":{"stringValue":"%s"},"attributes":[{"key":"a"}]}'
    before, after = '{"resourceLogs":[{"scopeLogs":[{"logRecords":[', '],"schemaUrl":"u"}]}]}'
    one = record % ("x" * 1000) + ","
    return gzip.compress((before + one * (LARGE // len(one)) + one[:-1] + after).encode(), 1)


def json_by_http(nest: Nest, body: bytes) -> str:
    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    answer = httpx.post(f"{nest.http}/v1/logs", content=body, headers=headers, timeout=300)
    assert answer.headers["content-type"] == "application/json"
    return f"{answer.status_code} {answer.json().get('message', '')}".strip()


def test_large_json_is_taken_within_the_limit_of_memory(nest: Nest, large_json: bytes) -> None:
    with ThreadPoolExecutor(2) as senders:
        answers = list(senders.map(lambda _: json_by_http(nest, large_json), range(2)))
    assert "200" in answers
    assert set(answers) <= {"200", "429 another large request is being taken; try again"}
    assert nest.peak_mb <= MOST_MB


BOMBS = {
    "objects": ('{"resourceLogs":[', "{},", "{}]}"),
    "deep": ("", "[", ""),
    "unknown": ('{"later":[', "0,", "0]}"),
    "records": ('{"resourceLogs":[{"scopeLogs":[{"logRecords":[', "0,", "0]}]}]}"),
    "text": ('{"later":"', "\\n", '"}'),
}


def test_bombs_of_json_are_refused_within_the_limit_of_memory(nest: Nest) -> None:
    bombs = []
    for before, again, after in BOMBS.values():
        whole = before + again * ((LARGE - len(before) - len(after)) // len(again)) + after
        bombs.append(gzip.compress(whole.encode(), 1))
    answers = [json_by_http(nest, bomb) for bomb in bombs]
    assert [answer[:3] for answer in answers] == ["413"] * len(BOMBS)
    assert nest.peak_mb <= MOST_MB


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


def test_messages_of_grpc_as_large_as_they_may_be_and_not_compressed_stay_within_the_limit_of_memory(
    nest: Nest,
) -> None:
    """gRPC itself holds each of them three times while it hands them over."""
    one = request(secrets.token_bytes(16), 200, text=secrets.token_hex(100)).SerializeToString()
    plain = one * (MAX_MESSAGE // len(one))
    with ThreadPoolExecutor(2 * AT_ONCE) as senders:
        answers = list(senders.map(lambda _: by_grpc(nest, plain), range(2 * AT_ONCE)))
    assert "OK" in answers
    assert set(answers) <= {"OK", "RESOURCE_EXHAUSTED"}
    assert by_grpc(nest, plain) == "OK"
    assert by_grpc(nest, plain + one) == "RESOURCE_EXHAUSTED"
    assert nest.peak_mb <= MOST_MB


def test_a_disk_that_fills_while_a_large_request_is_written_holds_nothing_of_it(
    nest: Nest, large: bytes
) -> None:
    resource.prlimit(nest.pid, resource.RLIMIT_FSIZE, (8 * MIB, resource.RLIM_INFINITY))
    assert by_http(nest, large) == "503 5"
    assert by_grpc(nest, large) == "UNAVAILABLE"
    small = gzip.compress(request(secrets.token_bytes(16)).SerializeToString())
    assert by_http(nest, small) == "200"
    assert nest.spools == []
    resource.prlimit(nest.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    assert by_http(nest, large) == "200"
    assert nest.peak_mb <= MOST_MB

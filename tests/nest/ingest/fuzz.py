"""Hostile requests to a running nest for as long as one likes: it must answer, and its memory must not grow.

    python -m tests.nest.ingest.fuzz SECONDS [SEED]

Requests are valid ones with bytes flipped, cut, doubled and inserted, and bytes by chance, to every path of
OTLP/HTTP in every encoding and content type and to every service of OTLP/gRPC. Prints what was answered and
the resident memory over time; exits 1 when the nest does not answer, or holds more than its limit.
"""

from __future__ import annotations

import gzip
import json
import random
import sys
import tempfile
import time
import zlib
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import grpc
import httpx
import psutil
import zstandard

from temponest.demo.ports import LOOPBACK, free_ports
from temponest.demo.programs import NEST_OPTIONS, start_nest
from temponest.nest.ingest.grpc import SERVICES
from temponest.nest.ingest.http import PATHS

from .messages import json_request, request

LIMIT_MB = 300
REPORT_SECONDS = 10.0

_PACK: dict[str, Callable[[bytes], bytes]] = {
    "identity": bytes,
    "gzip": gzip.compress,
    "deflate": zlib.compress,
    "zstd": zstandard.ZstdCompressor().compress,
    "br": bytes,
}
_TYPES = ("application/x-protobuf",) * 3 + ("application/json",) * 2 + ("text/plain", "")


def main(seconds: float, seed: int) -> int:
    """Send until the time is over."""
    dice = random.Random(seed)  # noqa: S311 - to repeat a run
    answers: Counter[str] = Counter()
    with tempfile.TemporaryDirectory() as folder:
        ports = dict(zip(NEST_OPTIONS, free_ports(len(NEST_OPTIONS)), strict=True))
        nest = start_nest(Path(folder), ports)
        process = psutil.Process(nest.pid)
        try:
            with (
                httpx.Client(base_url=f"http://{LOOPBACK}:{ports['OTLP/HTTP']}", timeout=30) as http,
                grpc.insecure_channel(f"{LOOPBACK}:{ports['OTLP/gRPC']}") as channel,
            ):
                begin = report = time.monotonic()
                most = 0.0
                while (now := time.monotonic()) < begin + seconds:
                    answers[_http(http, dice) if dice.random() < 0.5 else _grpc(channel, dice)] += 1
                    if now >= report:
                        resident = process.memory_info().rss / 2**20
                        most = max(most, resident)
                        print(f"{now - begin:6.0f} s {sum(answers.values()):8,} requests {resident:6.0f} MB")
                        report += REPORT_SECONDS
                alive = http.get("/ready").status_code == 200
        finally:
            nest.stop()
    for answer, count in answers.most_common():
        print(f"  {count:8,} {answer}")
    print(f"seed {seed}, {'alive' if alive else 'DEAD'}, {most:.0f} MB at most, limit {LIMIT_MB} MB")
    return 0 if alive and most <= LIMIT_MB else 1


def _http(client: httpx.Client, dice: random.Random) -> str:
    encoding = dice.choice(list(_PACK))
    body = _PACK[encoding](_body(dice))
    if dice.random() < 0.3:
        body = _damaged(body, dice)
    headers = {"Content-Encoding": encoding, "Content-Type": dice.choice(_TYPES)}
    return f"HTTP {client.post(dice.choice(list(PATHS)), content=body, headers=headers).status_code}"


def _grpc(channel: grpc.Channel, dice: random.Random) -> str:
    call: grpc.UnaryUnaryMultiCallable[bytes, bytes]
    call = channel.unary_unary(f"/{dice.choice(list(SERVICES.values()))}/Export")
    # Compressed by gRPC as clients do, or a compressed message that does not say so.
    body = _PACK[dice.choice(["identity", "identity", "gzip", "deflate"])](_body(dice))
    try:
        call(body, timeout=30, compression=dice.choice(list(grpc.Compression)))
    except grpc.RpcError as error:
        return f"gRPC {error.code().name}"
    return "gRPC OK"


def _body(dice: random.Random) -> bytes:
    kind = dice.random()
    if kind < 0.1:
        return dice.randbytes(dice.randrange(2000))
    if kind < 0.15:
        return dice.choice([b"\0", b"\x0a\0", b"\xff", b"[", b'{"a":']) * dice.randrange(1, 1_000_000)
    if kind < 0.3:
        return _damaged(json.dumps(json_request(dice.randbytes(16))).encode(), dice)
    whole = request(dice.randbytes(16), spans=dice.randrange(50), text="x" * dice.randrange(200))
    return _damaged(whole.SerializeToString(), dice)


def _damaged(whole: bytes, dice: random.Random) -> bytes:
    changed = bytearray(whole)
    for _ in range(dice.choice((0, 0, 1, 3))):
        at = dice.randrange(len(changed) + 1)
        match dice.randrange(4):
            case 0:
                del changed[at : at + dice.randrange(1, 20)]
            case 1:
                changed[at:at] = dice.randbytes(dice.randrange(1, 20))
            case 2:
                changed[at:at] = changed[: dice.randrange(len(changed) + 1)]
            case _ if at < len(changed):
                changed[at] = dice.randrange(256)
    return bytes(changed)


if __name__ == "__main__":
    sys.exit(main(float(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else time.time_ns() % 10**6))

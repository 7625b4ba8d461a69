"""Everything that runs during the benchmark: database, cache, receiver, `auth`, and a server a variant."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc

from temponest.demo.ports import free_ports
from temponest.demo.process import Process, StartError
from temponest.demo.servers import start_postgres, start_valkey

from .measure import Server
from .peers import ROOT, interpreter
from .receiver import COUNTS

READY_SECONDS = 30
TABLE = """
    CREATE TABLE IF NOT EXISTS agents (id integer PRIMARY KEY, name text NOT NULL, model text NOT NULL);
    INSERT INTO agents VALUES (1, 'reference', 'small') ON CONFLICT DO NOTHING;
"""


@dataclass
class Stage:
    """What the variants run on."""

    folder: Path
    environment: dict[str, str]
    receiver: int

    @contextmanager
    def serving(self, variants: Sequence[str], ratio: float = 1.0) -> Iterator[list[Server]]:
        """Start one server a variant, in this order; a name may carry a copy's number after a `#`."""
        with ExitStack() as stack:
            yield self._serve(stack, variants, ratio)

    def _serve(self, stack: ExitStack, variants: Sequence[str], ratio: float) -> list[Server]:
        servers = []
        for variant, port in zip(variants, free_ports(len(variants)), strict=True):
            environment = {
                **self.environment,
                "VARIANT": variant.partition("#")[0],
                "RATIO": str(ratio),
            }
            process = Process(
                variant,
                [
                    *(str(interpreter()), "-m", "uvicorn", "benchmarks.overhead.app:app"),
                    *("--port", str(port), "--no-access-log", "--log-level", "warning"),
                    # A variant may wait long for its next block, and its connection is to be there still.
                    *("--timeout-keep-alive", "3600"),
                ],
                log=self.folder / f"{variant}-{ratio}.log",
                environment=environment,
            )
            stack.callback(process.stop)
            servers.append(Server(variant, process.pid, port))
            _wait(process, port)
        return servers

    def spans(self) -> dict[str, int]:
        """How many spans the receiver has got, by service."""
        with grpc.insecure_channel(f"127.0.0.1:{self.receiver}") as channel:
            counts: Any = channel.unary_unary(COUNTS)
            found: dict[str, int] = json.loads(counts(b"", timeout=10))
        return found


@contextmanager
def stage(folder: Path) -> Iterator[Stage]:
    """Start what all variants share and stop it in the end."""
    database, cache, receiver, auth = free_ports(4)
    with ExitStack() as stack:
        stack.callback(start_postgres(folder, database).stop)
        stack.callback(start_valkey(folder, cache).stop)
        environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("OTEL_")},
            "PYTHONPATH": str(ROOT),
            "DATABASE_URL": f"postgresql://postgres@127.0.0.1:{database}/postgres",
            "REDIS_URL": f"redis://127.0.0.1:{cache}/0",
            "AUTH_URL": f"http://127.0.0.1:{auth}",
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{receiver}",
            "OTEL_SEMCONV_STABILITY_OPT_IN": "http,database",
            "TEMPONEST_SERVICE_PREFIX": "",
        }
        for name, command, port in (
            ("receiver", [sys.executable, "-m", "benchmarks.overhead.receiver", str(receiver)], receiver),
            (
                "auth",
                [
                    *(str(interpreter()), "-m", "uvicorn", "benchmarks.overhead.auth:app"),
                    *("--port", str(auth), "--no-access-log", "--log-level", "warning"),
                ],
                auth,
            ),
        ):
            process = Process(name, command, log=folder / f"{name}.log", environment=environment)
            stack.callback(process.stop)
            _wait(process, port)
        _fill(environment["DATABASE_URL"])
        yield Stage(folder, environment, receiver)


def _fill(url: str) -> None:
    import asyncio

    import asyncpg

    async def fill() -> None:
        connection = await asyncpg.connect(url)
        await connection.execute(TABLE)
        await connection.close()

    asyncio.run(fill())


def _wait(process: Process, port: int) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while True:
        process.check()
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise StartError(f"{process.name} does not answer; see {process.log}") from None
            time.sleep(0.05)
        else:
            return

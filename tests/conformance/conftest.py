"""One nest as a user starts it, once in each of two time zones: no answer may depend on them."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from temponest.demo.ports import LOOPBACK, free_ports


@dataclass(frozen=True)
class Nest:
    """Where to find it."""

    grpc: str
    otlp: httpx.Client
    jaeger: httpx.Client
    tempo: httpx.Client
    prometheus: httpx.Client
    loki: httpx.Client


@pytest.fixture(scope="session", params=["UTC", "America/New_York"])
def nest(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nest]:
    names = ("grpc", "http", "jaeger", "tempo", "prometheus", "loki")
    ports = dict(zip(names, free_ports(len(names)), strict=True))
    folder: Path = tmp_path_factory.mktemp("nest")
    command = [str(Path(sys.executable).with_name("temponest")), "serve", "--data", str(folder)]
    for name, port in ports.items():
        command += [f"--{name}-port", str(port)]
    with (folder / "stderr").open("w") as stderr:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, env={**os.environ, "TZ": request.param}, stderr=stderr
        )
    clients = {
        name: httpx.Client(base_url=f"http://{LOOPBACK}:{ports[name]}", timeout=30) for name in names[1:]
    }
    try:
        eventually(lambda: _ready(clients["tempo"], process, folder))
        yield Nest(f"{LOOPBACK}:{ports['grpc']}", *clients.values())
    finally:
        for client in clients.values():
            client.close()
        process.terminate()
        process.wait()


def _ready(client: httpx.Client, process: subprocess.Popen[bytes], folder: Path) -> bool:
    assert process.poll() is None, (folder / "stderr").read_text()
    try:
        return client.get("/ready").status_code == 200
    except httpx.TransportError:
        return False


def eventually(holds: Callable[[], object]) -> None:
    """Ask until it holds; a minute is far more than any machine needs."""
    deadline = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.01)

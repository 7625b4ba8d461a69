from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

import asyncpg
import psutil
import pytest
from redis.asyncio import Redis

from temponest.demo import ports
from temponest.demo.process import Process, StartError


async def test_postgres_answers_queries(postgres_url: str) -> None:
    connection = await asyncpg.connect(postgres_url)
    try:
        assert await connection.fetchval("SELECT 1 + 1") == 2
    finally:
        await connection.close()


async def test_valkey_keeps_a_value(valkey_url: str) -> None:
    async with Redis.from_url(valkey_url) as client:
        await client.set("key", "value")
        assert await client.get("key") == b"value"


def test_a_busy_port_is_named_with_its_holder_and_replaced() -> None:
    with socket.create_server((ports.LOOPBACK, 0)) as server:
        port = server.getsockname()[1]
        chosen, notes = ports.choose({"nest": port})
    assert chosen["nest"] != port
    assert f"port {port} (nest) is held by {psutil.Process().name()}" in notes[0]


def test_a_free_port_is_kept() -> None:
    (port,) = ports.free_ports(1)
    assert ports.choose({"nest": port}) == ({"nest": port}, [])


def test_a_process_that_ended_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    process = Process(
        "Broken", [sys.executable, "-c", "print('because'); raise SystemExit(3)"], log=tmp_path / "log"
    )
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    with pytest.raises(StartError, match=r"Broken ended with code 3[\s\S]*because"):
        process.check()


def test_stop_ends_a_process_that_ignores_the_signal_and_its_children(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("temponest.demo.process.STOP_TIMEOUT", 0.1)
    started = tmp_path / "started"
    program = f"""
import pathlib, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
draft = pathlib.Path({str(started)!r} + ".tmp")
draft.write_text(str(child.pid))
draft.rename({str(started)!r})
time.sleep(60)
"""
    process = Process("Stubborn", [sys.executable, "-c", program], log=tmp_path / "log")
    while not started.exists():
        process.check()
    child = psutil.Process(int(started.read_text()))
    process.stop()
    assert not process.running()
    deadline = time.monotonic() + 10
    while _alive(child):
        assert time.monotonic() < deadline


def _alive(process: psutil.Process) -> bool:
    """Whether a killed process is still more than an entry that nobody has collected."""
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_a_process_that_is_not_ready_in_time_is_stopped_and_reported_with_the_end_of_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("temponest.demo.process.READY_TIMEOUT", 0.0)
    process = Process("Slow", [sys.executable, "-c", "import time; time.sleep(60)"], log=tmp_path / "log")
    (tmp_path / "log").write_text("waiting for a disk")
    with pytest.raises(
        StartError, match=r"Slow is not ready after 0 s\. Its last lines:\nwaiting for a disk"
    ):
        process.wait_ready(lambda: False)
    assert not process.running()

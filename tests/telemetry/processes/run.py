"""Starts whole processes that report to a receiver: scripts, and servers of an application."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import httpx

from .receiver import Receiver

ROOT = Path(__file__).parents[3]
SETUP = """
from shared.telemetry import get_meter, get_tracer, setup_metrics, setup_tracing
setup_tracing(service_name="agents", service_version="1.0.0", environment="test")
tracer = get_tracer(__name__)
"""
APP = (
    SETUP
    + """
setup_metrics(service_name="agents", service_version="1.0.0", environment="test")
import os
from fastapi import FastAPI
from shared.telemetry import MetricsMiddleware, TracingMiddleware
app = FastAPI()
app.add_middleware(TracingMiddleware, service_name="agents")
app.add_middleware(MetricsMiddleware, service_name="agents")
@app.get("/number/{number}")
async def read(number: int) -> int:
    return number
@app.get("/worker")
def worker() -> int:
    return os.getpid()
"""
)
UVICORN = ("uvicorn", "served:app", "--fd", "{socket}", "--no-access-log", "--log-level", "warning")
GUNICORN = ("gunicorn", "served:app", "--bind", "fd://{socket}", "--log-level", "warning")
HYPERCORN = ("hypercorn", "served:app", "--bind", "fd://{socket}", "--log-level", "WARNING")


def environment(receiver: Receiver, **more: str) -> dict[str, str]:
    """The environment of a process that sends to the receiver."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PYTEST_"))}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{receiver.port}",
        **more,
    }


def run(code: str, receiver: Receiver, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a script to its end."""
    return subprocess.run(  # noqa: S603 - the code is the test's
        [sys.executable, "-c", code],
        env=environment(receiver, **more),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


class Server:
    """A server of `served.py` on a socket that listens before it starts, so that requests wait for it.

    Attributes:
        process: the one that was started; workers may be its children.
        address: where it answers.
    """

    def __init__(self, process: subprocess.Popen[bytes], address: str) -> None:
        self.process = process
        self.address = address
        # A kept connection would stay with the worker that came up first.
        self._client = httpx.Client(timeout=60, headers={"connection": "close"})

    def worker(self) -> int:
        """The process that answers a request."""
        return int(self._client.get(f"{self.address}/worker").json())

    def workers(self, requests: int) -> list[int]:
        """The processes that answer so many requests at once."""
        with ThreadPoolExecutor(8) as pool:
            return list(pool.map(lambda _: self.worker(), range(requests)))

    def terminate(self) -> None:
        """Ask it to end by SIGTERM, as a container's stop does, and wait until it has."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)

    def close(self) -> None:
        """End it by force if it still runs."""
        self._client.close()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@contextmanager
def serve(source: str, receiver: Receiver, folder: Path, *command: str) -> Iterator[Server]:
    """A server of an application's source, started by a module and its options."""
    (folder / "served.py").write_text(source)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen(  # noqa: S603 - the code is the test's
            [sys.executable, "-m", *(word.format(socket=listener.fileno()) for word in command)],
            cwd=folder,
            env=environment(receiver),
            pass_fds=[listener.fileno()],
        )
        server = Server(process, f"http://127.0.0.1:{listener.getsockname()[1]}")
    # Closed here, so that a server that fails to start ends the waiting requests.
    try:
        yield server
    finally:
        server.close()

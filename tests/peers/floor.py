"""The library on the oldest and the newest packages that its lists of requirements allow.

    python tests/peers/floor.py

Makes an empty environment for each (the package index is asked for a few packages), runs a service in it that
sends to a real receiver, and looks at what arrived. Ends with 1 if something is missing.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import grpc
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import add_TraceServiceServicer_to_server

ROOT: Final = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT))

from tests.telemetry.processes.receiver import Receiver  # noqa: E402 - found by the line above

# What an application itself brings.
APPLICATION: Final = ("fastapi>=0.115", "httpx>=0.28")
# "Or manually add" of the guide.
GUIDE: Final = (
    "opentelemetry-api>=1.20.0",
    "opentelemetry-sdk>=1.20.0",
    "opentelemetry-exporter-otlp-proto-grpc>=1.20.0",
    "opentelemetry-instrumentation-fastapi>=0.41b0",
    "opentelemetry-instrumentation-asyncpg>=0.41b0",
    "opentelemetry-instrumentation-redis>=0.41b0",
)
OURS: Final = tuple(
    line
    for line in (ROOT / "shared" / "requirements-telemetry.txt").read_text().splitlines()
    if line and not line.startswith("#")
)
SERVICE: Final = """
import asyncio, warnings
from importlib.metadata import version
import httpx
from fastapi import FastAPI
from shared.telemetry import (
    MetricsMiddleware, TracingMiddleware, get_meter, get_tracer, setup_metrics, setup_tracing,
)
setup_tracing(service_name="agents", service_version="1.0.0", environment="test")
setup_metrics(service_name="agents", service_version="1.0.0", environment="test")
app = FastAPI()
app.add_middleware(TracingMiddleware, service_name="agents")
app.add_middleware(MetricsMiddleware, service_name="agents")
meter = get_meter(__name__)
@app.get("/orders/{number}")
async def read(number: int) -> int:
    with get_tracer(__name__).start_as_current_span("look up") as span:
        span.set_attribute("number", number)
        span.add_event("found", {"where": "cache"})
        meter.create_counter("orders").add(1, {"status": "success"})
        meter.create_histogram("sizes").record(7)
        meter.create_up_down_counter("open").add(1)
        span.record_exception(ValueError("late"))
    return number
async def ask() -> None:
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://orders") as client:
        assert (await client.get("/orders/7")).json() == 7
asyncio.run(ask())
print(version("opentelemetry-api"), version("opentelemetry-sdk"))
"""
SPANS: Final = {"GET", "GET /orders/{number}", "look up"}
METRICS: Final = {"orders", "sizes", "open", "http.server.request.duration"}


def environment(folder: Path, requirements: tuple[str, ...], resolution: str) -> Path:
    """The interpreter of a new environment with these requirements."""
    uv = [sys.executable, "-m", "uv"]
    subprocess.run([*uv, "venv", "--quiet", "--python", sys.executable, folder], check=True)  # noqa: S603 - ours
    python = folder / "bin" / "python"
    install = [*uv, "pip", "install", "--quiet", "--python", str(python), "--resolution", resolution]
    subprocess.run([*install, *requirements], check=True)  # noqa: S603 - ours
    return python


def missing(python: Path, receiver: Receiver) -> tuple[str, list[str]]:
    """The versions that a service ran on, and what did not arrive or was said."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    done = subprocess.run(  # noqa: S603 - ours
        [python, "-c", SERVICE],
        env={
            **kept,
            "PYTHONPATH": str(ROOT),
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{receiver.port}",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    lost = sorted(SPANS - set(receiver.names()))
    lost += sorted(METRICS - {name for names in receiver.metrics.values() for name in names})
    said = [line for line in done.stderr.splitlines() if re.search(r"Error|telemetry:|WARN", line)]
    return done.stdout.strip() or "-", lost + said


def serve(receiver: Receiver) -> grpc.Server:
    """A running receiver."""
    server = grpc.server(ThreadPoolExecutor(4))
    add_TraceServiceServicer_to_server(receiver, server)  # type: ignore[no-untyped-call] # generated code
    add_MetricsServiceServicer_to_server(receiver, server)  # type: ignore[no-untyped-call] # generated code
    receiver.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    return server


def main() -> int:
    """Try each list at both ends."""
    failed = False
    print("| requirements | versions | API, SDK | arrived |\n|---|---|---|---|")
    for name, requirements in (("the guide's list", GUIDE), ("shared/requirements-telemetry.txt", OURS)):
        for end, resolution in (("oldest", "lowest-direct"), ("newest", "highest")):
            receiver = Receiver()
            server = serve(receiver)
            with tempfile.TemporaryDirectory() as folder:
                python = environment(Path(folder), (*requirements, *APPLICATION), resolution)
                versions, lost = missing(python, receiver)
            server.stop(0).wait()
            failed = failed or bool(lost)
            said = f"missing: {'; '.join(lost)}" if lost else "all"
            print(f"| {name} | {end} | {versions.replace(' ', ', ')} | {said} |", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

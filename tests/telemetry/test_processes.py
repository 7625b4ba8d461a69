"""Whole processes: forks, workers and the ways a process ends, against a real receiver."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    MetricsServiceServicer,
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import (
    TraceServiceServicer,
    add_TraceServiceServicer_to_server,
)

from temponest.demo.ports import free_ports

ROOT = Path(__file__).parents[2]
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


class Receiver(TraceServiceServicer, MetricsServiceServicer):
    """Takes both signals and remembers who sent what; hangs when told to."""

    def __init__(self) -> None:
        self.spans: list[tuple[str, str]] = []
        self.metrics: set[str] = set()
        self.instances: set[str] = set()
        self.port = 0
        self.hang = threading.Event()
        self.release = threading.Event()

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - the name of the protocol
        """Take one request of either signal."""
        del context
        if self.hang.is_set():
            self.release.wait()
        for part in getattr(request, "resource_spans", ()):
            instance = self._instance(part.resource)
            self.spans += [(instance, span.name) for scope in part.scope_spans for span in scope.spans]
        for part in getattr(request, "resource_metrics", ()):
            self._instance(part.resource)
            self.metrics |= {metric.name for scope in part.scope_metrics for metric in scope.metrics}
        if hasattr(request, "resource_spans"):
            return ExportTraceServiceResponse()
        return ExportMetricsServiceResponse()

    def _instance(self, resource: Any) -> str:
        attributes = {one.key: one.value.string_value for one in resource.attributes}
        self.instances.add(attributes["service.instance.id"])
        assert attributes["service.name"] == "temponest-agents"
        return str(attributes["service.instance.id"])


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """A running OTLP/gRPC receiver."""
    found = Receiver()
    server = grpc.server(ThreadPoolExecutor(8))
    add_TraceServiceServicer_to_server(found, server)  # type: ignore[no-untyped-call] # generated code
    add_MetricsServiceServicer_to_server(found, server)  # type: ignore[no-untyped-call] # generated code
    found.port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield found
    found.release.set()
    server.stop(0).wait()


def environment(receiver: Receiver, **more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PYTEST_"))}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{receiver.port}",
        **more,
    }


def run(code: str, receiver: Receiver, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - the code is the test's
        [sys.executable, "-c", code],
        env=environment(receiver, **more),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@contextmanager
def serve(
    source: str, receiver: Receiver, folder: Path, *options: str
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """A uvicorn server of an application's source: its process and address."""
    (folder / "served.py").write_text(source)
    (port,) = free_ports(1)
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(  # noqa: S603 - the code is the test's
        [
            *(sys.executable, "-m", "uvicorn", "served:app", "--app-dir", str(folder)),
            *("--port", str(port), "--no-access-log", "--log-level", "warning", *options),
        ],
        env=environment(receiver),
    )
    try:
        with httpx.Client(timeout=10) as client:
            while True:
                assert process.poll() is None, "the server has ended"
                try:
                    client.get(f"{address}/docs")
                except httpx.TransportError:
                    continue
                break
        yield process, address
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def test_a_script_that_ends_by_itself_sends_its_last_spans(receiver: Receiver) -> None:
    done = run(f"{SETUP}\nwith tracer.start_as_current_span('last'): pass", receiver)
    assert done.stderr == ""
    assert [name for _, name in receiver.spans] == ["last"]


def test_a_script_that_is_terminated_sends_its_last_spans_and_ends_by_the_signal(receiver: Receiver) -> None:
    done = run(
        f"{SETUP}\nimport os, signal\nwith tracer.start_as_current_span('last'): pass\n"
        "os.kill(os.getpid(), signal.SIGTERM)\nsignal.pause()",
        receiver,
    )
    assert done.returncode == -signal.SIGTERM
    assert [name for _, name in receiver.spans] == ["last"]


def test_a_handler_of_the_application_for_sigterm_is_left_alone(receiver: Receiver) -> None:
    done = run(
        "import os, signal, sys\nsignal.signal(signal.SIGTERM, lambda *_: sys.exit(3))\n"
        f"{SETUP}\nwith tracer.start_as_current_span('last'): pass\nos.kill(os.getpid(), signal.SIGTERM)",
        receiver,
    )
    assert done.returncode == 3
    assert [name for _, name in receiver.spans] == ["last"]


@pytest.mark.parametrize("first", ["", "with tracer.start_as_current_span('parent first'): pass"])
def test_a_forked_child_reports_as_an_instance_of_its_own(receiver: Receiver, first: str) -> None:
    """Before and after the first span of the parent; every span arrives exactly once."""
    code = f"""{SETUP}
import os, sys
{first}
child = os.fork()
with tracer.start_as_current_span("child" if child == 0 else "parent"): pass
if child == 0:
    sys.exit(0)
os.waitpid(child, 0)
"""
    done = run(code, receiver)
    assert done.stderr == ""
    by_name = {name: instance for instance, name in receiver.spans}
    assert sorted(by_name) == sorted(["child", "parent", *(["parent first"] if first else [])])
    assert len(receiver.spans) == len(by_name)
    assert by_name["child"] != by_name["parent"]


def test_a_child_of_multiprocessing_sends_its_last_spans_although_it_skips_atexit(receiver: Receiver) -> None:
    code = f"""{SETUP}
import multiprocessing
def work():
    with tracer.start_as_current_span("in the child"): pass
child = multiprocessing.get_context("fork").Process(target=work)
child.start()
child.join()
"""
    done = run(code, receiver)
    assert done.stderr == ""
    assert [name for _, name in receiver.spans] == ["in the child"]


def test_a_child_of_multiprocessing_that_sets_up_telemetry_itself_sends_its_last_spans(
    receiver: Receiver,
) -> None:
    code = """
import multiprocessing
def work():
    from shared.telemetry import get_tracer, setup_tracing
    setup_tracing(service_name="agents")
    with get_tracer("child").start_as_current_span("in the child"): pass
child = multiprocessing.get_context("fork").Process(target=work)
child.start()
child.join()
"""
    done = run(code, receiver)
    assert done.stderr == ""
    assert [name for _, name in receiver.spans] == ["in the child"]


def test_a_receiver_that_hangs_does_not_keep_the_process_from_ending(receiver: Receiver) -> None:
    """Traces and metrics share one deadline of seconds; either attempt alone may take ten minutes."""
    receiver.hang.set()
    code = f"""{SETUP}
setup_metrics()
get_meter("m").create_counter("c").add(1)
with tracer.start_as_current_span('last'): pass
"""
    done = run(code, receiver, OTEL_EXPORTER_OTLP_TIMEOUT="600000")
    assert done.returncode == 0


def test_a_service_that_is_terminated_under_load_answers_and_loses_nothing(
    receiver: Receiver, tmp_path: Path
) -> None:
    """Every answered request has its span, although uvicorn raises SIGTERM again and `atexit` never runs."""
    with serve(APP, receiver, tmp_path) as (process, address):
        answered: list[int] = []

        def ask(number: int) -> None:
            assert client.get(f"{address}/number/{number}").json() == number
            answered.append(number)

        with httpx.Client(timeout=10) as client, ThreadPoolExecutor(8) as pool:
            list(pool.map(ask, range(300)))
            last = [pool.submit(ask, number) for number in range(300, 340)]
            last[0].result()
            process.send_signal(signal.SIGTERM)
        process.wait(20)
    names = [name for _, name in receiver.spans]
    assert names.count("GET /number/{number}") >= len(answered)
    assert "http.server.request.duration" in receiver.metrics


def test_every_worker_of_uvicorn_reports_as_an_instance_of_its_own(
    receiver: Receiver, tmp_path: Path
) -> None:
    workers: set[int] = set()
    with serve(APP, receiver, tmp_path, "--workers", "2") as (process, address):
        # A kept connection would stay with the worker that came up first.
        anew = httpx.Client(timeout=10, headers={"connection": "close"})
        with anew as client, ThreadPoolExecutor(8) as pool:
            for _ in range(200):
                replies = pool.map(lambda _: client.get(f"{address}/worker"), range(16))
                workers |= {reply.json() for reply in replies}
                if len(workers) == 2:
                    break
        process.send_signal(signal.SIGTERM)
        process.wait(20)
    assert len(receiver.instances) == 2
    assert {instance for instance, name in receiver.spans if name == "GET /worker"} == receiver.instances
    assert "http.server.request.duration" in receiver.metrics

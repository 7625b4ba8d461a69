"""The doctor before real receivers: Jaeger, Tempo and a Collector, set up rightly and wrongly.

    python -m tests.peers.doctor_receivers

Needs `jaeger`, `tempo` and `otelcol` on PATH; what is not there is left out by name. Each runs on free ports
of loopback. For each wrong set-up the doctor must name the true cause first. Prints a line a case with the
seconds that it took; exits 1 when a cause was missed.
"""

from __future__ import annotations

import os
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import yaml

from temponest.demo.ports import LOOPBACK, free_ports
from temponest.demo.process import Process, StartError
from temponest.doctor.run import diagnose
from temponest.doctor.subject import Subject

PATIENCE = 60.0  # seconds until a receiver listens
NO_METRICS = "takes no metrics"
HEALTHY = "traces reach"
TAKEN = "traces are taken by"


@dataclass(frozen=True)
class Receiver:
    """One that runs.

    Attributes:
        name: of it.
        grpc: port of OTLP/gRPC.
        http: port of OTLP/HTTP.
        api: port of Tempo's API, or 9 where it has none.
        metrics: it takes metrics, too.
    """

    name: str
    grpc: int
    http: int
    api: int
    metrics: bool


def _otlp(grpc: int, http: int) -> dict[str, object]:
    return {
        "otlp": {
            "protocols": {
                "grpc": {"endpoint": f"{LOOPBACK}:{grpc}"},
                "http": {"endpoint": f"{LOOPBACK}:{http}"},
            }
        }
    }


def jaeger(folder: Path, grpc: int, http: int, ports: list[int]) -> tuple[list[str], dict[str, object]]:
    """Jaeger with its store in memory."""
    configuration: dict[str, object] = {
        "extensions": {
            "jaeger_storage": {"backends": {"memory": {"memory": {"max_traces": 1000}}}},
            "jaeger_query": {
                "storage": {"traces": "memory"},
                "http": {"endpoint": f"{LOOPBACK}:{ports[0]}"},
                "grpc": {"endpoint": f"{LOOPBACK}:{ports[1]}"},
            },
        },
        "receivers": _otlp(grpc, http),
        "exporters": {"jaeger_storage_exporter": {"trace_storage": "memory"}},
        "service": {
            "extensions": ["jaeger_storage", "jaeger_query"],
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"traces": {"receivers": ["otlp"], "exporters": ["jaeger_storage_exporter"]}},
        },
    }
    return ["--config", str(folder / "jaeger.yaml")], configuration


def otelcol(folder: Path, grpc: int, http: int, ports: list[int]) -> tuple[list[str], dict[str, object]]:
    """A Collector that takes both signals and keeps nothing."""
    del ports
    pipeline = {"receivers": ["otlp"], "exporters": ["debug"]}
    configuration: dict[str, object] = {
        "receivers": _otlp(grpc, http),
        "exporters": {"debug": {}},
        "service": {
            "telemetry": {"metrics": {"level": "none"}},
            "pipelines": {"traces": pipeline, "metrics": pipeline},
        },
    }
    return ["--config", str(folder / "otelcol.yaml")], configuration


def tempo(folder: Path, grpc: int, http: int, ports: list[int]) -> tuple[list[str], dict[str, object]]:
    """Tempo with its blocks in a folder."""
    data = folder / "tempo"
    configuration: dict[str, object] = {
        "server": {
            "http_listen_address": LOOPBACK,
            "http_listen_port": ports[0],
            "grpc_listen_port": ports[1],
        },
        "distributor": {"receivers": _otlp(grpc, http)},
        "memberlist": {"bind_addr": [LOOPBACK], "bind_port": ports[2]},
        "storage": {
            "trace": {
                "backend": "local",
                "wal": {"path": str(data / "wal")},
                "local": {"path": str(data / "blocks")},
            }
        },
    }
    arguments = [
        f"-config.file={folder / 'tempo.yaml'}",
        f"-live-store.wal.path={data}/live-store/traces",
        f"-live-store.shutdown_marker_dir={data}/live-store/shutdown-marker",
        f"-block-builder.wal.path={data}/block-builder/traces",
        f"-backend-schedulerbackend-scheduler.local-work-path={data}",
    ]
    return arguments, configuration


Make = Callable[[Path, int, int, list[int]], tuple[list[str], dict[str, object]]]
RECEIVERS: dict[str, tuple[Make, bool, bool]] = {
    # Takes metrics, and answers Tempo's API.
    "jaeger": (jaeger, False, False),
    "otelcol": (otelcol, True, False),
    "tempo": (tempo, False, True),
}


def cases(receiver: Receiver) -> list[tuple[str, str, dict[str, str], str]]:
    """What is set up, the endpoint, variables, and what must be said first."""
    grpc, http = f"http://{LOOPBACK}:{receiver.grpc}", f"http://{LOOPBACK}:{receiver.http}"
    by_http = {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}
    by_grpc = {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    well = NO_METRICS if not receiver.metrics else HEALTHY if receiver.api != 9 else TAKEN
    return [
        ("gRPC", grpc, by_grpc, well),
        ("HTTP", http, by_http, well),
        ("gRPC to the port for HTTP", http, by_grpc, "speaks OTLP/HTTP, but gRPC is sent to it"),
        ("HTTP to the port for gRPC", grpc, by_http, "speaks gRPC, but OTLP/HTTP is sent to it"),
        (
            "http/json to the port for HTTP",
            http,
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
            "must be one of",
        ),
        ("TLS by gRPC", grpc.replace("http:", "https:"), by_grpc, "speaks no TLS, but TLS is sent to it"),
        ("TLS by HTTP", http.replace("http:", "https:"), by_http, "speaks no TLS, but TLS is sent to it"),
        ("a path too much", f"{http}/collect", by_http, "is a path without OTLP"),
    ]


def start(name: str, folder: Path, leaving: ExitStack) -> Receiver:
    """Start one and wait until it listens."""
    make, metrics, answers = RECEIVERS[name]
    grpc, http, *others = free_ports(5)
    arguments, configuration = make(folder, grpc, http, others)
    (folder / f"{name}.yaml").write_text(yaml.safe_dump(configuration))
    process = Process(name, [str(shutil.which(name)), *arguments], log=folder / f"{name}.log")
    leaving.callback(process.stop)
    deadline = time.monotonic() + PATIENCE
    for port in (grpc, http):
        while not _listens(port):
            process.check()
            if time.monotonic() > deadline:
                raise StartError(f"{name} does not listen on {port}; see {process.log}")
            time.sleep(0.1)
    return Receiver(name, grpc, http, others[0] if answers else 9, metrics)


def _listens(port: int) -> bool:
    try:
        socket.create_connection((LOOPBACK, port), 0.5).close()
    except OSError:
        return False
    return True


def main() -> int:
    """Print a line a case; 0 when each first cause was the true one."""
    missed = 0
    for name in list(os.environ):
        if name.startswith("OTEL"):
            del os.environ[name]
    with tempfile.TemporaryDirectory(prefix="temponest-doctor-") as place, ExitStack() as leaving:
        for name in RECEIVERS:
            if shutil.which(name) is None:
                print(f"{name} is not on PATH and left out")
                continue
            receiver = start(name, Path(place), leaving)
            for case, endpoint, variables, wanted in cases(receiver):
                os.environ.update(variables)
                began = time.monotonic()
                result = diagnose(Subject(endpoint=endpoint, tempo=_api(receiver)))
                took = time.monotonic() - began
                said = result.findings[0][1].what
                right = wanted in said
                missed += not right
                print(f"{'ok  ' if right else 'MISS'} {name:8} {case:30} {took:5.1f} s  {said}", flush=True)
                for variable in variables:
                    del os.environ[variable]
    print(f"{missed} missed")
    return int(bool(missed))


def _api(receiver: Receiver) -> str | None:
    return None if receiver.api == 9 else f"http://{LOOPBACK}:{receiver.api}"


if __name__ == "__main__":
    sys.exit(main())

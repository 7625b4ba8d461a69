"""The stack without containers: servers by the Compose file's commands, our services, a nest beside."""

from __future__ import annotations

import os
import shutil
from contextlib import ExitStack
from pathlib import Path

from temponest.demo.ports import LOOPBACK, free_ports
from temponest.demo.process import Process
from temponest.demo.programs import start_nest, start_service, wait_ready
from temponest.demo.servers import start_postgres, start_valkey

from .addresses import Addresses

BINARIES = {"jaeger": "jaeger", "collector": "otelcol", "tempo": "tempo", "prometheus": "prometheus"}
NEST = {
    "OTLP/gRPC": 4317,
    "OTLP/HTTP": 4318,
    "pages": 16686,
    "Tempo API": 3200,
    "Prometheus API": 9090,
    "Loki API": 3100,
}
READY = {
    "jaeger": (13133, "/status"),
    "collector": (13133, "/"),
    "tempo": (3200, "/ready"),
    "prometheus": (9090, "/-/ready"),
}


def missing() -> list[str]:
    """The binaries that are not on PATH."""
    return [binary for binary in BINARIES.values() if shutil.which(binary) is None]


def start(folder: Path, leaving: ExitStack) -> Addresses:
    """Start everything and wait until it is ready.

    Args:
        folder: an existing folder that any user may enter.
        leaving: stops every process when it is left.

    Raises:
        StartError: one of them ended or was not ready within 60 s.
    """
    at = Addresses(folder)

    def keep(process: Process) -> None:
        leaving.callback(process.stop)

    keep(start_nest(folder, {name: at.port("nest", port) for name, port in NEST.items()}))
    for name in ("prometheus", "tempo", "collector", "jaeger"):
        keep(_start(name, at, _extra(name, at)))
    postgres, valkey = free_ports(2)
    keep(start_postgres(folder, postgres))
    keep(start_valkey(folder, valkey))
    environment = {
        "DATABASE_URL": f"postgresql://postgres@{LOOPBACK}:{postgres}/postgres",
        "REDIS_URL": f"redis://{LOOPBACK}:{valkey}/0",
        "AUTH_URL": at.url("auth", 9002),
        # The guide's one address, for traces and metrics.
        "OTEL_EXPORTER_OTLP_ENDPOINT": at.url("jaeger", 4317),
        "OTEL_METRIC_EXPORT_INTERVAL": "5000",
        "ENVIRONMENT": "production",
    }
    keep(start_service("auth", folder, at.port("auth", 9002), environment))
    keep(start_service("agents", folder, at.port("agents", 9000), environment))
    return at


def _extra(name: str, at: Addresses) -> list[str]:
    """Arguments that only this program needs: addresses that no file names, a copy of all for the nest."""
    if name == "prometheus":
        return [f"--web.listen-address={LOOPBACK}:{at.port(name, 9090)}"]
    if name == "tempo":
        data = at.folder / "tempo"
        return [
            f"-live-store.wal.path={data}/live-store/traces",
            f"-live-store.shutdown_marker_dir={data}/live-store/shutdown-marker",
            f"-block-builder.wal.path={data}/block-builder/traces",
            f"-backend-schedulerbackend-scheduler.local-work-path={data}",
        ]
    if name == "collector":
        to_nest = {
            "exporters": {
                "otlp_grpc/nest": {
                    "endpoint": f"{LOOPBACK}:{at.port('nest', 4317)}",
                    "tls": {"insecure": True},
                }
            },
            "service": {
                "pipelines": {
                    f"{signal}/nest": {"receivers": ["otlp"], "exporters": ["otlp_grpc/nest"]}
                    for signal in ("traces", "metrics")
                }
            },
        }
        return ["--config", str(at.write("nest.yaml", to_nest))]
    return []


def _start(name: str, at: Addresses, extra: list[str]) -> Process:
    binary = shutil.which(BINARIES[name])
    assert binary
    process = Process(
        name,
        [binary, *at.command(name), *extra],
        log=at.folder / f"{name}.log",
        environment={**os.environ, "GOMEMLIMIT": "512MiB"},
    )
    port, path = READY[name]
    wait_ready(process, f"{at.url(name, port)}{path}")
    return process

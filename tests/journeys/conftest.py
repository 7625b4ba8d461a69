"""A nest and both services with telemetry on, as an operator would run them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from temponest.client.prometheus import Prometheus
from temponest.client.tempo import Tempo
from temponest.demo.ports import LOOPBACK, free_ports
from temponest.demo.process import Process
from temponest.demo.programs import NEST_OPTIONS, start_nest


@dataclass(frozen=True)
class Nest:
    """A running nest."""

    process: Process
    ports: Mapping[str, int]
    tempo: Tempo
    prometheus: Prometheus

    def url(self, name: str) -> str:
        """Base address of one of its servers."""
        return f"http://{LOOPBACK}:{self.ports[name]}"

    @staticmethod
    def now_ns() -> int:
        """The present moment."""
        return time.time_ns()

    def send(self, message: ExportTraceServiceRequest) -> None:
        """Send spans and wait until they are acknowledged."""
        httpx.post(
            f"{self.url('OTLP/HTTP')}/v1/traces",
            content=message.SerializeToString(),
            headers={"Content-Type": "application/x-protobuf"},
        ).raise_for_status()

    def stop(self) -> None:
        """End it."""
        self.tempo.close()
        self.prometheus.close()
        self.process.stop()


def run_nest(folder: Path) -> Nest:
    """Start a nest on free ports."""
    ports = dict(zip(NEST_OPTIONS, free_ports(len(NEST_OPTIONS)), strict=True))
    tempo = Tempo(f"http://{LOOPBACK}:{ports['Tempo API']}")
    prometheus = Prometheus(f"http://{LOOPBACK}:{ports['Prometheus API']}")
    return Nest(start_nest(folder, ports), ports, tempo, prometheus)


@pytest.fixture(scope="session")
def nest(scratch: Path) -> Iterator[Nest]:
    running = run_nest(scratch)
    yield running
    running.stop()


@pytest.fixture
def service_environment(postgres_url: str, valkey_url: str) -> dict[str, str]:
    """What both services need apart from the addresses of auth and of the nest."""
    return {
        "DATABASE_URL": postgres_url,
        "REDIS_URL": valkey_url,
        "ENVIRONMENT": "test",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
    }

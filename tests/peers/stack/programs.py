"""Two programs beside the services: one whose spans are lost, and one whose spans are slow."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator, Mapping

from temponest.demo.programs import ROOT

from .addresses import Addresses

LOSING = """
import time
from shared.telemetry import get_tracer, setup_metrics, setup_tracing, shutdown

setup_tracing(service_name="losing")
setup_metrics(service_name="losing")
tracer = get_tracer("losing")
while True:
    for _ in range(200):
        tracer.start_span("lost").end()
    time.sleep(1)
"""
SLOW = """
import time
from shared.telemetry import get_tracer, setup_tracing

setup_tracing(service_name="slow")
tracer = get_tracer("slow")
while True:
    with tracer.start_as_current_span("waiting"):
        time.sleep(0.7)
"""


def losing(at: Addresses) -> dict[str, str]:
    """Variables of a program that sends its traces where nobody listens, and its metrics as all do."""
    return {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:9",
        "OTEL_EXPORTER_OTLP_ENDPOINT": at.url("jaeger", 4317),
        "OTEL_METRIC_EXPORT_INTERVAL": "5000",
        "OTEL_BSP_MAX_QUEUE_SIZE": "512",
    }


def slow(at: Addresses) -> dict[str, str]:
    """Variables of a program that sends traces as all do."""
    return {"OTEL_EXPORTER_OTLP_ENDPOINT": at.url("jaeger", 4317)}


@contextlib.contextmanager
def run(source: str, environment: Mapping[str, str]) -> Iterator[None]:
    """A program that runs until the context is left."""
    variables = {"PYTHONPATH": str(ROOT), **environment}
    process = subprocess.Popen([sys.executable, "-c", source], env=variables, stderr=subprocess.DEVNULL)  # noqa: S603 - our own program
    try:
        yield
    finally:
        process.terminate()
        process.wait()

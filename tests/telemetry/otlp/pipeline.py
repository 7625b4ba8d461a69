"""A queue and an exporter for the tests, with times short enough to wait for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from opentelemetry.proto.trace.v1.trace_pb2 import Span

from shared.telemetry.config import Batching
from shared.telemetry.otlp.batch import BatchQueue
from shared.telemetry.otlp.exporter import Exporter
from shared.telemetry.otlp.request import Signal
from shared.telemetry.otlp.target import Target
from shared.telemetry.otlp.transport import transport_for

GRPC_PATH = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"


def target(port: int, protocol: str = "grpc", **more: Any) -> Target:
    """A receiver on loopback."""
    path = GRPC_PATH if protocol == "grpc" else "/v1/traces"
    return replace(Target(protocol, "127.0.0.1", port, path, timeout=5.0), **more)


def record(name: str) -> bytes:
    """An encoded span."""
    return Span(name=name).SerializeToString()


@contextmanager
def pipeline(to: Target, **batching: Any) -> Iterator[BatchQueue]:
    """A queue that exports to a target; its thread and connection end with the block."""
    exporter = Exporter(to, transport_for(to))
    sizes = replace(Batching(delay=0.01, timeout=5.0), **batching)
    queue = BatchQueue(Signal.TRACES, exporter, lambda: b"", sizes)
    exporter.lost = lambda: sum(queue.counts().dropped.values())
    try:
        yield queue
    finally:
        queue.shutdown(0.5)
        queue.join(5)
        exporter.close()


def settled(queue: BatchQueue) -> bool:
    """Whether every record is accounted for: sent, dropped or still waiting."""
    counts = queue.counts()
    return counts.ended == counts.queued + counts.exported + sum(counts.dropped.values())

"""The receiver that whole processes send to."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import (
    add_MetricsServiceServicer_to_server,
)
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import add_TraceServiceServicer_to_server

from .receiver import Receiver


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

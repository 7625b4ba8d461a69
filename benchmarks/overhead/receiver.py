"""A live OTLP/gRPC receiver in a process of its own, which counts what it is sent by service."""

from __future__ import annotations

import json
import sys
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2 as metrics
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2_grpc as metrics_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as traces
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as traces_grpc

COUNTS = "/benchmarks.overhead.Receiver/Counts"
_counts: Counter[str] = Counter()
_lock = threading.Lock()


def _service(resource: Any) -> str:
    return next((one.value.string_value for one in resource.attributes if one.key == "service.name"), "")


class Traces(traces_grpc.TraceServiceServicer):
    """Takes traces."""

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - the name of the protocol
        """Count the spans of a request."""
        del context
        with _lock:
            for part in request.resource_spans:
                _counts[_service(part.resource)] += sum(len(scope.spans) for scope in part.scope_spans)
        return traces.ExportTraceServiceResponse()


class Metrics(metrics_grpc.MetricsServiceServicer):
    """Takes metrics."""

    def Export(self, request: Any, context: Any) -> Any:  # noqa: N802 - the name of the protocol
        """Take a request."""
        del request, context
        return metrics.ExportMetricsServiceResponse()


def _read(request: bytes, context: Any) -> bytes:
    del request, context
    with _lock:
        return json.dumps(_counts).encode()


def main() -> None:
    """Listen on the port of the command line until the process is ended."""
    server = grpc.server(ThreadPoolExecutor(4))
    traces_grpc.add_TraceServiceServicer_to_server(Traces(), server)  # type: ignore[no-untyped-call] # generated code
    metrics_grpc.add_MetricsServiceServicer_to_server(Metrics(), server)  # type: ignore[no-untyped-call] # generated code
    service, method = COUNTS.strip("/").split("/")
    handler = grpc.method_handlers_generic_handler(
        service, {method: grpc.unary_unary_rpc_method_handler(_read)}
    )
    server.add_generic_rpc_handlers((handler,))
    server.add_insecure_port(f"127.0.0.1:{sys.argv[1]}")
    server.start()
    server.wait_for_termination()


if __name__ == "__main__":
    main()

"""A real OTLP/gRPC receiver that remembers which process sent what."""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import Any

from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceResponse
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2_grpc import MetricsServiceServicer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from opentelemetry.proto.collector.trace.v1.trace_service_pb2_grpc import TraceServiceServicer


class Receiver(TraceServiceServicer, MetricsServiceServicer):
    """Takes both signals; hangs when told to.

    Attributes:
        spans: instance and name of each span.
        metrics: names of the metrics of each instance.
        pids: the process of each instance.
    """

    def __init__(self) -> None:
        self.spans: list[tuple[str, str]] = []
        self.metrics: defaultdict[str, set[str]] = defaultdict(set)
        self.pids: dict[str, int] = {}
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
            instance = self._instance(part.resource)
            self.metrics[instance] |= {
                metric.name for scope in part.scope_metrics for metric in scope.metrics
            }
        if hasattr(request, "resource_spans"):
            return ExportTraceServiceResponse()
        return ExportMetricsServiceResponse()

    def names(self) -> list[str]:
        """The names of all spans."""
        return [name for _, name in self.spans]

    def _instance(self, resource: Any) -> str:
        attributes = {one.key: one.value for one in resource.attributes}
        assert attributes["service.name"].string_value == "temponest-agents"
        instance = str(attributes["service.instance.id"].string_value)
        assert self.pids.setdefault(instance, attributes["process.pid"].int_value) == (
            attributes["process.pid"].int_value
        )
        return instance

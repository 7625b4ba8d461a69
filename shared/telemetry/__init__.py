"""OpenTelemetry tracing and metrics for Python services: the public surface and nothing else."""

from .choices import import_propagate_safely

import_propagate_safely()

from .instrument.asgi import MetricsMiddleware, TracingMiddleware  # noqa: E402 - needs the propagators, see above
from .lifecycle import shutdown  # noqa: E402 - as above
from .setup import get_meter, get_tracer, setup_metrics, setup_tracing  # noqa: E402 - as above

__all__ = [
    "MetricsMiddleware",
    "TracingMiddleware",
    "get_meter",
    "get_tracer",
    "setup_metrics",
    "setup_tracing",
    "shutdown",
]

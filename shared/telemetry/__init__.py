"""OpenTelemetry tracing and metrics for Python services: the public surface and nothing else."""

from typing import Any

from .choices import import_propagate_safely

import_propagate_safely()

from .instrument.asgi import TracingMiddleware  # noqa: E402 - needs the propagators, see above
from .lifecycle import shutdown  # noqa: E402 - as above
from .setup import get_meter, get_tracer, setup_metrics, setup_tracing  # noqa: E402 - as above


class MetricsMiddleware:
    """Passes requests through."""  # the place of the one that measures them

    def __init__(self, app: Any, service_name: str | None = None) -> None:
        del service_name
        self.app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve one request."""
        await self.app(scope, receive, send)


__all__ = [
    "MetricsMiddleware",
    "TracingMiddleware",
    "get_meter",
    "get_tracer",
    "setup_metrics",
    "setup_tracing",
    "shutdown",
]

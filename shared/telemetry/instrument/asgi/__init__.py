"""Server spans and metrics for ASGI applications."""

from .metrics import MetricsMiddleware
from .tracing import TracingMiddleware

__all__ = ["MetricsMiddleware", "TracingMiddleware"]

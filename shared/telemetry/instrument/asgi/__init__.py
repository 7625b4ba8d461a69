"""Server spans for ASGI applications."""

from .tracing import TracingMiddleware

__all__ = ["TracingMiddleware"]

"""Tracing: provider, tracer, span, sampling."""

from .provider import TracerProvider

__all__ = ["TracerProvider"]

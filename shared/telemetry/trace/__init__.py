"""Tracing: provider, tracer, span, sampling."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .provider import TracerProvider

__all__ = ["TracerProvider"]


def __getattr__(name: str) -> Any:
    # The provider brings the SDK; an instrumentation that reads the current span must not.
    if name == "TracerProvider":
        from .provider import TracerProvider

        return TracerProvider
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

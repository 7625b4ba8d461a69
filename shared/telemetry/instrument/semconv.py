"""Choices of the semantic conventions that several instrumentations share."""

from __future__ import annotations

from typing import Final, TypeAlias

from opentelemetry import trace
from opentelemetry.trace import Tracer, TracerProvider
from opentelemetry.util.types import AttributeValue as AnyValue

from ..config import words
from ..version import VERSION

SCHEMA_URL: Final = "https://opentelemetry.io/schemas/1.44.0"
"""Version of the semantic conventions that every instrumentation here follows."""

Attributes: TypeAlias = dict[str, AnyValue]
"""What is put on a span at once."""

OTHER_METHOD: Final = "_OTHER"
"""`http.request.method` of a method that is not known, so that a stranger cannot make up values."""

_KNOWN_METHODS = "CONNECT,DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT,QUERY,TRACE"


def tracer(library: str, provider: TracerProvider | None) -> Tracer:
    """The tracer of one instrumentation.

    Args:
        library: what is instrumented; the end of the scope's name.
        provider: takes the place of the global provider.
    """
    return trace.get_tracer(f"shared.telemetry.instrument.{library}", VERSION, provider, SCHEMA_URL)


def known_methods() -> frozenset[str]:
    """HTTP methods recorded by name; `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS` overrides the list."""
    return frozenset(words("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", _KNOWN_METHODS))


def old_http_too() -> bool:
    """Whether `OTEL_SEMCONV_STABILITY_OPT_IN` asks for old HTTP attributes besides the stable ones."""
    return "http/dup" in words("OTEL_SEMCONV_STABILITY_OPT_IN", "")


def old_database_too() -> bool:
    """Whether `OTEL_SEMCONV_STABILITY_OPT_IN` asks for old database attributes besides the stable ones."""
    return "database/dup" in words("OTEL_SEMCONV_STABILITY_OPT_IN", "")


def error_type(error: BaseException) -> str:
    """Value of `error.type` for an exception: its class, with the module unless it is a builtin."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"

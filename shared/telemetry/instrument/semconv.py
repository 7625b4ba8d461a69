"""Choices of the semantic conventions that several instrumentations share."""

from __future__ import annotations

import os
from typing import TypeAlias

SCHEMA_URL = "https://opentelemetry.io/schemas/1.44.0"
"""Version of the semantic conventions that every instrumentation here follows."""

Attribute: TypeAlias = "str | int | bool | float | list[str]"
"""A value that this package puts on a span."""

OTHER_METHOD = "_OTHER"

_KNOWN_METHODS = "CONNECT,DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT,QUERY,TRACE"


def known_methods() -> frozenset[str]:
    """HTTP methods recorded by name; `OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS` overrides the list."""
    configured = os.environ.get("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "").strip() or _KNOWN_METHODS
    return frozenset(name.strip() for name in configured.split(",") if name.strip())


def old_http_attributes_too() -> bool:
    """Whether `OTEL_SEMCONV_STABILITY_OPT_IN` asks for old HTTP attributes besides the stable ones."""
    return "http/dup" in _opted_in()


def old_database_attributes_too() -> bool:
    """Whether `OTEL_SEMCONV_STABILITY_OPT_IN` asks for old database attributes besides the stable ones."""
    return "database/dup" in _opted_in()


def _opted_in() -> set[str]:
    return {name.strip().lower() for name in os.environ.get("OTEL_SEMCONV_STABILITY_OPT_IN", "").split(",")}


def error_type(error: BaseException) -> str:
    """Value of `error.type` for an exception: its class, with the module unless it is a builtin."""
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"

"""What the client instrumentations share: suppression, failure, and the recorder of durations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from opentelemetry import context as context_api
from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode

from .semconv import error_type

RecordDuration: TypeAlias = Callable[[float, Mapping[str, object], int, "str | None"], None]
"""Called when an operation ended: seconds, the span's start attributes, HTTP status or 0, `error.type`."""

_SUPPRESS = context_api._SUPPRESS_INSTRUMENTATION_KEY
_SUPPRESS_HTTP = context_api._SUPPRESS_HTTP_INSTRUMENTATION_KEY
_SUPPRESS_BY_NAME = "suppress_instrumentation"
_ERROR = Status(StatusCode.ERROR)


def suppressed(context: Context) -> bool:
    """Whether instrumentation is off in this context (exporters and other instrumentations ask for it)."""
    return bool(context) and bool(context.get(_SUPPRESS) or context.get(_SUPPRESS_BY_NAME))


def http_suppressed(context: Context) -> bool:
    """Whether HTTP client instrumentation is off in this context."""
    return bool(context) and bool(
        context.get(_SUPPRESS_HTTP) or context.get(_SUPPRESS) or context.get(_SUPPRESS_BY_NAME)
    )


def suppressing() -> Context:
    """The current context with instrumentation switched off."""
    return context_api.set_value(_SUPPRESS, True)


def fail(span: Span, error: BaseException) -> str:
    """Mark a client span as failed by `error`; returns the value of `error.type`."""
    kind = error_type(error)
    if span.is_recording():
        span.set_attribute("error.type", kind)
        if isinstance(error, Exception):
            span.record_exception(error)
        span.set_status(_ERROR)
    return kind


def fail_with(span: Span, kind: str) -> None:
    """Mark a client span as failed by what the server answered; `kind` is the value of `error.type`."""
    span.set_attribute("error.type", kind)
    span.set_status(_ERROR)

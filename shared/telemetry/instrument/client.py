"""What the client instrumentations share: suppression, failure, and the recorder of durations."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import thread_time
from typing import TypeAlias

from opentelemetry import context as api
from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode
from opentelemetry.util.types import AttributeValue as AnyValue

from ..cost import Section
from ..otlp.attributes import Prepared
from .semconv import error_type

RecordDuration: TypeAlias = Callable[[float, Mapping[str, AnyValue], int, "str | None"], None]
"""Called when an operation ended: seconds, the span's attributes, HTTP status or 0, `error.type`.

It is called in the context of the caller, before the span ends. One that has `at_once` false, as `Durations`,
may be called later, and has `series`, which records the same operation again and again.
"""


_SUPPRESS = api._SUPPRESS_INSTRUMENTATION_KEY
_SUPPRESS_HTTP = api._SUPPRESS_HTTP_INSTRUMENTATION_KEY
_SUPPRESS_BY_NAME = "suppress_instrumentation"
ERROR = Status(StatusCode.ERROR)
"""The status of a span whose operation failed; what failed is in `error.type`."""


def suppressed(context: Context) -> bool:
    """Whether instrumentation is off in this context (exporters and other instrumentations ask for it)."""
    return _SUPPRESS in context or _SUPPRESS_BY_NAME in context


def http_suppressed(context: Context) -> bool:
    """Whether instrumentation of HTTP clients is off in this context."""
    return _SUPPRESS_HTTP in context or _SUPPRESS in context or _SUPPRESS_BY_NAME in context


def suppressing() -> Context:
    """The current context with instrumentation switched off."""
    return api.set_value(_SUPPRESS, True)


def suppressing_http(context: Context) -> Context:
    """The context with instrumentation of HTTP clients switched off: the layer below makes no second span."""
    return api.set_value(_SUPPRESS_HTTP, True, context)


def chosen(parent: object, section: Section) -> float:
    """The CPU clock where the cost of telemetry is measured, zero where it is not.

    Args:
        section: of the instrumentation.
        parent: the current span. All calls below one local root are measured, or none is.
    """
    trace = getattr(parent, "_trace", None)
    if trace is None:
        return section.begin()
    return thread_time() if trace.timed else 0.0


def close(
    span: Span, known: Prepared, wider: Prepared, name: str | None = None, end_time: int | None = None
) -> None:
    """Set the last attributes of a recording span, rename it and end it: our spans do it in one step.

    Args:
        span: of any provider.
        known: the shared attributes it was started with.
        wider: the same, and those that are known only now.
        name: the new name; None keeps it.
        end_time: nanoseconds since the epoch; now if None.
    """
    # Asked for by name: our span's class brings the SDK, which must not come with an import.
    complete = getattr(span, "complete", None)
    if complete is not None:
        complete(known, wider, name, end_time)
        return
    span.set_attributes(_difference(known, wider))
    if name is not None:
        span.update_name(name)
    span.end(end_time)


def _difference(known: Prepared, wider: Prepared) -> dict[str, AnyValue]:
    return {key: value for key, value in wider.items() if key not in known}


def end_time(span: Span, began: int, ended: int) -> int | None:
    """When a span of any provider ended, in nanoseconds since the epoch: its start and what went by since.

    Args:
        span: of any provider.
        began: nanoseconds of the monotonic clock when the span was started.
        ended: the same when its operation ended.

    Returns:
        None where the span does not tell its start.
    """
    start: int | None = getattr(span, "start_time", None)
    return None if start is None else start + ended - began


def fail(span: Span, error: BaseException) -> str:
    """Mark a client span as failed by `error`; returns the value of `error.type`."""
    kind = error_type(error)
    if span.is_recording():
        # A cancelled task is no fault with a stack trace worth keeping.
        if isinstance(error, Exception):
            span.record_exception(error)
        fail_with(span, kind)
    return kind


def fail_with(span: Span, kind: str) -> None:
    """Mark a client span as failed by what the server answered; `kind` is the value of `error.type`."""
    span.set_attribute("error.type", kind)
    span.set_status(ERROR)

"""Trace and span id on log records: for `logging`, from code or `dictConfig`, and for structlog.

Nothing of the application's logging configuration is touched; these are parts for it:

    logging.config.dictConfig({
        "version": 1,
        "filters": {"trace": {"()": "shared.telemetry.logs.TraceContextFilter"}},
        "formatters": {"line": {"()": "shared.telemetry.logs.TraceContextFormatter"}},
        "handlers": {"out": {"class": "logging.StreamHandler", "filters": ["trace"], "formatter": "line"}},
        "root": {"handlers": ["out"]},
    })
"""

from __future__ import annotations

import logging
from collections.abc import MutableMapping
from typing import Any

from opentelemetry.trace import INVALID_SPAN_CONTEXT, format_span_id, format_trace_id

from .trace.context import SPAN_KEY, current

FORMAT = "%(asctime)s %(levelname)s [%(name)s] [trace_id=%(trace_id)s span_id=%(span_id)s] %(message)s"


def _ids() -> tuple[str, str, bool] | None:
    span: Any = current().get(SPAN_KEY)
    context = INVALID_SPAN_CONTEXT if span is None else span.get_span_context()
    if not context.is_valid:
        return None
    return format_trace_id(context.trace_id), format_span_id(context.span_id), bool(context.trace_flags & 1)


def _mark(record: logging.LogRecord) -> None:
    if hasattr(record, "trace_id"):
        return
    record.trace_id, record.span_id, record.trace_sampled = _ids() or ("0", "0", False)


class TraceContextFilter(logging.Filter):
    """Adds `trace_id`, `span_id` (hexadecimal, `0` outside of a span) and `trace_sampled` to every record.

    On a handler it marks all that handler writes; on a logger only what is logged to that very logger. Put it
    on the handler the application logs to, before any queue: the ids are those of the task that logs.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        """Mark the record and let it pass."""
        _mark(record)
        return True


class TraceContextFormatter(logging.Formatter):
    """A formatter whose format may use `%(trace_id)s`, `%(span_id)s` and `%(trace_sampled)s`.

    Takes the arguments of `logging.Formatter`; without a format it uses `FORMAT`. It needs no filter besides.
    """

    def __init__(self, fmt: str | None = None, *arguments: Any, **options: Any) -> None:
        if fmt is None:
            fmt = FORMAT if options.get("style", "%") == "%" else None
        super().__init__(fmt, *arguments, **options)

    def format(self, record: logging.LogRecord) -> str:
        """The record as text."""
        _mark(record)
        return super().format(record)


def add_trace_context(
    logger: object, method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    """A structlog processor: adds `trace_id` and `span_id` inside of a span, nothing outside.

    Put it anywhere before the renderer: `structlog.configure(processors=[add_trace_context, ...])`.
    """
    del logger, method
    ids = _ids()
    if ids is not None:
        event.setdefault("trace_id", ids[0])
        event.setdefault("span_id", ids[1])
    return event

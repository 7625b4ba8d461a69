"""Log records get the ids of the span they were written in."""

from __future__ import annotations

import io
import logging
import logging.config
from collections.abc import Iterator

import pytest
from opentelemetry import context

from shared.telemetry.logs import TraceContextFormatter, add_trace_context
from tests.telemetry.metrics.measured import in_trace


@pytest.fixture
def in_span() -> Iterator[None]:
    token = context.attach(in_trace(0xABC, 0xDEF))
    yield
    context.detach(token)


def configured(**handler: object) -> tuple[logging.Logger, io.StringIO]:
    out = io.StringIO()
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"trace": {"()": "shared.telemetry.logs.TraceContextFilter"}},
            "formatters": {
                "filtered": {"format": "%(trace_id)s %(span_id)s %(trace_sampled)s %(message)s"},
                "line": {"()": "shared.telemetry.logs.TraceContextFormatter"},
            },
            "handlers": {"out": {"class": "logging.StreamHandler", "stream": out, **handler}},
            "loggers": {"shop": {"handlers": ["out"], "level": "INFO", "propagate": False}},
        }
    )
    return logging.getLogger("shop"), out


@pytest.mark.usefixtures("in_span")
def test_the_filter_from_dict_config_marks_records_with_the_span() -> None:
    logger, out = configured(filters=["trace"], formatter="filtered")
    logger.info("hello")
    assert out.getvalue() == f"{0xABC:032x} {0xDEF:016x} True hello\n"


def test_outside_of_a_span_the_ids_are_zero() -> None:
    logger, out = configured(filters=["trace"], formatter="filtered")
    logger.info("hello")
    assert out.getvalue() == "0 0 False hello\n"


@pytest.mark.usefixtures("in_span")
def test_the_formatter_needs_no_filter() -> None:
    logger, out = configured(formatter="line")
    logger.info("hello")
    assert f"[shop] [trace_id={0xABC:032x} span_id={0xDEF:016x}] hello\n" in out.getvalue()


def test_the_formatter_takes_another_style() -> None:
    record = logging.LogRecord("shop", logging.INFO, "", 0, "hello", None, None)
    assert TraceContextFormatter("{trace_id} {message}", style="{").format(record) == "0 hello"


@pytest.mark.usefixtures("in_span")
def test_the_structlog_processor_adds_ids_and_keeps_those_that_are_there() -> None:
    assert add_trace_context(None, "info", {"event": "hello", "span_id": "mine"}) == {
        "event": "hello",
        "trace_id": f"{0xABC:032x}",
        "span_id": "mine",
    }


def test_the_structlog_processor_adds_nothing_outside_of_a_span() -> None:
    assert add_trace_context(None, "info", {"event": "hello"}) == {"event": "hello"}

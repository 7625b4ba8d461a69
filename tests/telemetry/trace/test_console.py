from __future__ import annotations

import io
import re
from collections.abc import Callable

import pytest
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import SpanKind, StatusCode

from shared.telemetry.trace.console import SPANS, ConsoleProcessor
from shared.telemetry.trace.provider import TracerProvider

Provide = Callable[..., TracerProvider]


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


def lines(out: io.StringIO) -> list[str]:
    """What was printed, ids and durations made equal."""
    text = re.sub(r"\d+\.\d+ ms", "T ms", out.getvalue())
    return re.sub(r"trace [0-9a-f]{32}", "trace ID", text).splitlines()


def test_a_trace_is_printed_as_a_tree_when_its_root_ends(provide: Provide, out: io.StringIO) -> None:
    provider = provide()
    provider.add_span_processor(ConsoleProcessor(out))
    tracer = provider.get_tracer("t")

    with tracer.start_as_current_span("GET /a", kind=SpanKind.SERVER, attributes={"n": 1}):
        with tracer.start_as_current_span("first"), tracer.start_as_current_span("inner"):
            pass
        with tracer.start_as_current_span("second") as span:
            span.set_status(StatusCode.ERROR, "refused")
        assert out.getvalue() == ""

    assert lines(out) == [
        "trace ID",
        "GET /a  server  T ms  n=1",
        "├─ first  internal  T ms",
        "│  └─ inner  internal  T ms",
        "└─ second  internal  T ms  ERROR refused",
    ]


def test_a_secret_is_not_printed_and_a_line_stays_one_line(provide: Provide, out: io.StringIO) -> None:
    provider = provide()
    provider.add_span_processor(ConsoleProcessor(out))

    with provider.get_tracer("t").start_as_current_span("s", attributes={"password": "a", "q": "token=a\nb"}):
        pass

    assert lines(out)[1] == 's  internal  T ms  password=REDACTED  q="token=REDACTED\\nb"'


def test_a_trace_that_is_not_sampled_is_printed_when_it_is_kept(provide: Provide, out: io.StringIO) -> None:
    provider = provide(sampler=ParentBased(ALWAYS_OFF), keep_errors=True)
    provider.add_span_processor(ConsoleProcessor(out))
    tracer = provider.get_tracer("t")

    with tracer.start_as_current_span("fine"), tracer.start_as_current_span("child"):
        pass
    with tracer.start_as_current_span("failed") as root, tracer.start_as_current_span("child"):
        root.set_status(StatusCode.ERROR)

    assert lines(out) == ["trace ID", "failed  internal  T ms  ERROR", "└─ child  internal  T ms"]


def test_a_huge_trace_is_printed_in_part(provide: Provide, out: io.StringIO) -> None:
    provider = provide()
    provider.add_span_processor(ConsoleProcessor(out))
    tracer = provider.get_tracer("t")

    with tracer.start_as_current_span("root"):
        for _ in range(SPANS + 9):
            tracer.start_span("child").end()

    assert lines(out)[-1] == "   and 10 more spans"


def test_what_is_under_way_is_printed_at_shutdown(provide: Provide, out: io.StringIO) -> None:
    provider = provide()
    provider.add_span_processor(ConsoleProcessor(out))
    tracer = provider.get_tracer("t")

    with tracer.start_as_current_span("root"):
        tracer.start_span("child").end()
        provider.shutdown()

    assert lines(out) == ["trace ID", "child  internal  T ms"]

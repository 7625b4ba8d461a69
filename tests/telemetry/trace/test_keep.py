from __future__ import annotations

import gc
from collections.abc import Callable

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    StatusCode,
    TraceFlags,
    get_current_span,
    set_span_in_context,
)

from shared.telemetry.trace.keep import Keeper
from shared.telemetry.trace.provider import TracerProvider

from .conftest import Sent

Provide = Callable[..., TracerProvider]
SECOND = 1_000_000_000
NOTHING = ParentBased(ALWAYS_OFF)


def keeper(provider: TracerProvider) -> Keeper:
    assert provider.keeper is not None
    return provider.keeper


def test_a_trace_whose_local_root_failed_is_sent_whole(provide: Provide, sent: Sent) -> None:
    provider = provide(sampler=NOTHING, keep_errors=True)
    tracer = provider.get_tracer("t")

    with tracer.start_as_current_span("root") as root:
        assert not root.get_span_context().trace_flags.sampled
        with tracer.start_as_current_span("child"):
            assert sent == []
        root.set_status(StatusCode.ERROR)

    assert sent.names() == ["child", "root"]
    assert sent[0].parent_span_id == sent[1].span_id
    assert (keeper(provider).kept, keeper(provider).let_go, keeper(provider).held_bytes) == (2, 0, 0)


def test_a_trace_that_went_well_is_let_go_and_counted(provide: Provide, sent: Sent) -> None:
    provider = provide(sampler=NOTHING, keep_errors=True)
    tracer = provider.get_tracer("t")

    with tracer.start_as_current_span("root"), tracer.start_as_current_span("child") as child:
        child.set_status(StatusCode.ERROR)

    assert sent == []
    assert (keeper(provider).kept, keeper(provider).let_go, keeper(provider).held_bytes) == (0, 2, 0)


@pytest.mark.parametrize(("seconds", "names"), [(2, ["child", "root"]), (1.999, [])])
def test_a_slow_local_root_keeps_its_trace(
    provide: Provide, sent: Sent, seconds: float, names: list[str]
) -> None:
    tracer = provide(sampler=NOTHING, keep_slower_than=2.0).get_tracer("t")

    root = tracer.start_span("root", start_time=SECOND)
    tracer.start_span("child", set_span_in_context(root)).end()
    root.end(SECOND + int(seconds * SECOND))

    assert sent.names() == names


def test_the_local_root_of_a_remote_trace_that_is_not_sampled_counts(provide: Provide, sent: Sent) -> None:
    tracer = provide(keep_errors=True).get_tracer("t")
    remote = SpanContext(5, 6, True, TraceFlags(0))

    span = tracer.start_span("server", set_span_in_context(NonRecordingSpan(remote), Context()))
    span.set_status(StatusCode.ERROR)
    span.end()

    assert sent[0].trace_id == (5).to_bytes(16, "big")
    assert sent[0].parent_span_id == (6).to_bytes(8, "big")


def test_below_a_local_span_that_is_not_recorded_nothing_is_held(provide: Provide) -> None:
    """Instrumentations leave requests out by such a span."""
    tracer = provide(keep_errors=True).get_tracer("t")
    left_out = NonRecordingSpan(SpanContext(5, 6, False, TraceFlags(0)))

    span = tracer.start_span("s", set_span_in_context(left_out, Context()))

    assert not span.is_recording()


def test_sampled_traces_are_sent_at_once(provide: Provide, sent: Sent) -> None:
    tracer = provide(keep_errors=True, keep_slower_than=1.0).get_tracer("t")

    with tracer.start_as_current_span("root"):
        tracer.start_span("child").end()
        assert sent.names() == ["child"]


def test_a_span_that_ends_after_its_kept_trace_is_sent(provide: Provide, sent: Sent) -> None:
    tracer = provide(sampler=NOTHING, keep_errors=True).get_tracer("t")

    root = tracer.start_span("root")
    late = tracer.start_span("background", set_span_in_context(root))
    root.set_status(StatusCode.ERROR)
    root.end()
    late.end()

    assert sent.names() == ["root", "background"]


def test_memory_is_bounded_over_all_traces(provide: Provide, sent: Sent) -> None:
    provider = provide(sampler=NOTHING, keep_errors=True)
    provider.keeper = Keeper(errors=True, slower_than=None, hold_at_most=1000)
    tracer = provider.get_tracer("t")

    with tracer.start_as_current_span("root") as root:
        for _ in range(100):
            tracer.start_span("child", attributes={"text": "x" * 100}).end()
        assert keeper(provider).held_bytes <= 1000
        root.set_status(StatusCode.ERROR)

    assert 0 < len(sent) < 10
    assert keeper(provider).kept == len(sent)
    assert keeper(provider).no_room == 101 - len(sent)


def test_a_trace_that_is_never_judged_frees_its_memory(provide: Provide) -> None:
    provider = provide(sampler=NOTHING, keep_errors=True)
    tracer = provider.get_tracer("t")

    root = tracer.start_span("root")
    tracer.start_span("child", set_span_in_context(root)).end()
    assert keeper(provider).held_bytes > 0
    del root
    gc.collect()

    assert keeper(provider).held_bytes == 0
    assert not get_current_span().get_span_context().is_valid

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import (
    ALWAYS_OFF,
    ALWAYS_ON,
    DEFAULT_OFF,
    DEFAULT_ON,
    Decision,
    ParentBased,
    ParentBasedTraceIdRatio,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    TraceFlags,
    TraceState,
    get_current_span,
    set_span_in_context,
)
from opentelemetry.util.types import Attributes

from shared.telemetry.trace.provider import TracerProvider

from .conftest import Sent

Provide = Callable[..., TracerProvider]
HALF = (1 << 127) | (1 << 63)
JUST_BELOW_HALF = HALF - 1
LOW, HIGH = (1 << 127) | 1, (1 << 127) | (2**64 - 1)
STATE = TraceState([("vendor", "1")])


def context_of(*, sampled: bool, remote: bool, trace_id: int = LOW) -> Context:
    flags = TraceFlags(TraceFlags.SAMPLED if sampled else TraceFlags.DEFAULT)
    return set_span_in_context(NonRecordingSpan(SpanContext(trace_id, 7, remote, flags, STATE)), Context())


SAMPLERS = [
    ALWAYS_ON,
    ALWAYS_OFF,
    DEFAULT_ON,
    DEFAULT_OFF,
    TraceIdRatioBased(0.5),
    TraceIdRatioBased(0),
    TraceIdRatioBased(1),
    ParentBasedTraceIdRatio(0.5),
    ParentBased(
        ALWAYS_OFF, remote_parent_sampled=ALWAYS_OFF, local_parent_not_sampled=TraceIdRatioBased(0.5)
    ),
    ParentBased(TraceIdRatioBased(0.5), remote_parent_not_sampled=ALWAYS_ON, local_parent_sampled=ALWAYS_OFF),
]


@pytest.mark.parametrize("sampler", SAMPLERS, ids=lambda sampler: sampler.get_description())
@pytest.mark.parametrize("remote", [True, False])
@pytest.mark.parametrize("sampled", [True, False])
@pytest.mark.parametrize("trace_id", [LOW, HIGH, JUST_BELOW_HALF, HALF])
def test_the_fast_decision_is_the_samplers_own(
    provide: Provide, sampler: Sampler, remote: bool, sampled: bool, trace_id: int
) -> None:
    context = context_of(sampled=sampled, remote=remote, trace_id=trace_id)
    expected = sampler.should_sample(context, trace_id, "s").decision is Decision.RECORD_AND_SAMPLE

    span = provide(sampler=sampler).get_tracer("t").start_span("s", context)

    assert span.is_recording() is expected
    assert span.get_span_context().trace_flags.sampled is expected
    assert span.get_span_context().trace_id == trace_id
    assert span.get_span_context().trace_state == STATE


def test_an_unsampled_span_has_an_id_of_its_own_and_sends_nothing(provide: Provide, sent: Sent) -> None:
    tracer = provide(sampler=ALWAYS_OFF).get_tracer("t")

    with tracer.start_as_current_span("root") as root, tracer.start_as_current_span("child") as child:
        assert get_current_span() is child

    assert child.get_span_context().trace_id == root.get_span_context().trace_id
    assert child.get_span_context().span_id != root.get_span_context().span_id
    assert child.get_span_context() is child.get_span_context()
    assert sent == []


class Custom(Sampler):
    """Records without sampling, adds an attribute and a trace state."""

    def should_sample(
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        del parent_context, trace_id, kind, links, trace_state
        decision = Decision.RECORD_ONLY if name == "only" else Decision.RECORD_AND_SAMPLE
        return SamplingResult(decision, {**(attributes or {}), "sampler": "custom"}, STATE)

    def get_description(self) -> str:
        return "Custom"


def test_a_custom_sampler_adds_attributes_and_trace_state(provide: Provide, sent: Sent) -> None:
    tracer = provide(sampler=Custom()).get_tracer("t")

    with tracer.start_as_current_span("all", attributes={"a": 1}):
        pass

    assert [pair.key for pair in sent[0].attributes] == ["a", "sampler"]
    assert sent[0].trace_state == "vendor=1"


def test_a_recorded_span_that_is_not_sampled_is_not_sent(provide: Provide, sent: Sent) -> None:
    span = provide(sampler=Custom()).get_tracer("t").start_span("only")

    assert span.is_recording()
    span.end()
    assert sent == []

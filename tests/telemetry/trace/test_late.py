from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider as SdkProvider
from opentelemetry.trace import NoOpTracerProvider, StatusCode

from shared.telemetry.setup import get_tracer
from shared.telemetry.trace.late import LateTracer
from shared.telemetry.trace.provider import TracerProvider
from shared.telemetry.trace.tracer import Tracer

from .conftest import Sent

Provide = Callable[..., TracerProvider]


@pytest.fixture
def become_global(monkeypatch: pytest.MonkeyPatch) -> Callable[[trace.TracerProvider], None]:
    """Set the global provider for one test; the API allows it once a process."""
    return lambda provider: monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)


def test_a_tracer_taken_early_records_once_there_is_a_provider(
    provide: Provide, sent: Sent, become_global: Callable[[trace.TracerProvider], None]
) -> None:
    tracer = get_tracer("early")
    assert isinstance(tracer, LateTracer)

    @tracer.start_as_current_span("decorated")
    async def work() -> None:
        await asyncio.sleep(0)

    with tracer.start_as_current_span("before") as before:
        assert not before.is_recording()
    asyncio.run(work())
    become_global(provide())
    with tracer.start_as_current_span("after"):
        asyncio.run(work())
    tracer.start_span("alone").end()

    assert sent.names() == ["decorated", "after", "alone"]
    assert sent[0].parent_span_id == sent[1].span_id


def test_a_tracer_taken_late_is_the_providers_own(
    provide: Provide, become_global: Callable[[trace.TracerProvider], None]
) -> None:
    become_global(provide())

    assert isinstance(get_tracer("late"), Tracer)


def test_an_exception_is_recorded_on_the_spans_of_any_provider(
    become_global: Callable[[trace.TracerProvider], None],
) -> None:
    tracer = LateTracer("early")
    become_global(SdkProvider(shutdown_on_exit=False))

    with pytest.raises(ValueError, match="wrong"), tracer.start_as_current_span("s") as span:
        raise ValueError("wrong")

    assert span.status.status_code is StatusCode.ERROR  # type: ignore[attr-defined]  # the SDK's span is readable
    assert [event.name for event in span.events] == ["exception"]  # type: ignore[attr-defined]  # as above


def test_with_tracing_off_it_passes_the_current_span_on(
    become_global: Callable[[trace.TracerProvider], None],
) -> None:
    become_global(NoOpTracerProvider())

    with LateTracer("early").start_as_current_span("s") as span:
        assert not span.get_span_context().is_valid

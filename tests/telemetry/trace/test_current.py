from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Status
from opentelemetry.trace import INVALID_SPAN, get_current_span

from shared.telemetry.trace.provider import TracerProvider

from .conftest import Sent

Provide = Callable[..., TracerProvider]


def test_children_nest_under_the_current_span(provide: Provide, sent: Sent) -> None:
    tracer = provide().get_tracer("t")

    with tracer.start_as_current_span("root"), tracer.start_as_current_span("child"):
        tracer.start_span("leaf").end()

    assert sent.names() == ["leaf", "child", "root"]
    assert sent.named("leaf").parent_span_id == sent.named("child").span_id
    assert sent.named("child").parent_span_id == sent.named("root").span_id
    assert sent.named("root").parent_span_id == b""
    assert {span.trace_id for span in sent} == {sent[0].trace_id}
    assert get_current_span() is INVALID_SPAN


def test_concurrent_tasks_do_not_see_each_others_spans(provide: Provide, sent: Sent) -> None:
    tracer = provide().get_tracer("t")

    async def work(name: str) -> None:
        with tracer.start_as_current_span(name):
            await asyncio.sleep(0)
            with tracer.start_as_current_span(f"{name}.child"):
                await asyncio.sleep(0)

    async def main() -> None:
        await asyncio.gather(*(work(str(n)) for n in range(10)))

    asyncio.run(main())

    for n in range(10):
        assert sent.named(f"{n}.child").parent_span_id == sent.named(f"{n}").span_id


def test_a_new_thread_starts_without_a_current_span(provide: Provide, sent: Sent) -> None:
    tracer = provide().get_tracer("t")

    def work() -> None:
        with tracer.start_as_current_span("thread"):
            pass

    with tracer.start_as_current_span("main"):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()

    assert sent.named("thread").parent_span_id == b""


def test_an_async_generator_closed_elsewhere_says_nothing(
    provide: Provide, sent: Sent, caplog: pytest.LogCaptureFixture
) -> None:
    tracer = provide().get_tracer("t")

    async def stream() -> AsyncIterator[int]:
        with tracer.start_as_current_span("stream"):
            yield 1
            yield 2

    async def main() -> None:
        items = stream()
        await asyncio.create_task(anext(items))  # type: ignore[arg-type]  # an async generator's anext is a coroutine
        await items.aclose()  # type: ignore[attr-defined]  # as above

    asyncio.run(main())

    assert sent.names() == ["stream"]
    assert caplog.records == []


def test_a_span_decorates_a_function_once_for_every_call(provide: Provide, sent: Sent) -> None:
    tracer = provide().get_tracer("t")

    @tracer.start_as_current_span("sync")
    def function(number: int) -> int:
        """Doubles."""
        return number * 2

    assert [function(1), function(2)] == [2, 4]
    assert function.__doc__ == "Doubles."
    assert sent.names() == ["sync", "sync"]
    assert sent[0].span_id != sent[1].span_id


def test_a_span_around_a_coroutine_function_lasts_until_it_returns(provide: Provide, sent: Sent) -> None:
    tracer = provide().get_tracer("t")

    @tracer.start_as_current_span("async")
    async def function() -> str:
        await asyncio.sleep(0)
        assert sent == []
        return "done"

    assert asyncio.run(function()) == "done"
    assert sent.names() == ["async"]


def test_an_exception_is_recorded_and_passes(provide: Provide, sent: Sent) -> None:
    tracer = provide().get_tracer("t")

    with pytest.raises(ValueError, match="wrong"), tracer.start_as_current_span("s"):
        raise ValueError("wrong")

    (event,) = sent[0].events
    assert event.name == "exception"
    assert {pair.key: pair.value.string_value for pair in event.attributes}["exception.type"] == "ValueError"
    assert sent[0].status == Status(code=Status.STATUS_CODE_ERROR, message="ValueError: wrong")


def test_nothing_of_an_exception_is_recorded_when_not_asked_for(provide: Provide, sent: Sent) -> None:
    tracer = provide().get_tracer("t")

    with (
        pytest.raises(ValueError, match="wrong"),
        tracer.start_as_current_span("s", record_exception=False, set_status_on_exception=False),
    ):
        raise ValueError("wrong")

    assert list(sent[0].events) == []
    assert sent[0].status == Status()


def test_cancellation_is_not_an_error(provide: Provide, sent: Sent) -> None:
    tracer = provide().get_tracer("t")

    with pytest.raises(asyncio.CancelledError), tracer.start_as_current_span("s"):
        raise asyncio.CancelledError

    assert sent[0].status == Status()


def test_a_span_stays_open_after_the_block_when_asked(provide: Provide, sent: Sent) -> None:
    tracer = provide().get_tracer("t")

    with tracer.start_as_current_span("s", end_on_exit=False) as span:
        pass

    assert span.is_recording()
    assert sent == []

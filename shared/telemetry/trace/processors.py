"""The SDK's span processors on our spans: called in turn; none can harm the next or the program."""

from __future__ import annotations

import time
from collections.abc import Callable

from opentelemetry.context import Context
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, SynchronousMultiSpanProcessor
from opentelemetry.sdk.trace import Span as SdkSpan

from ..lifecycle import report


def _nothing(span: SdkSpan) -> None:
    del span


class Processors(SynchronousMultiSpanProcessor):
    """Span processors in order of registration; what one raises is reported and the next one is called."""

    def on_start(self, span: SdkSpan, parent_context: Context | None = None) -> None:
        """A span has started."""
        self._each(lambda processor: processor.on_start(span, parent_context=parent_context))

    def _on_ending(self, span: SdkSpan) -> None:
        # Processors of older SDKs, and any that do not inherit from the SDK's, have no such method.
        self._each(lambda processor: getattr(processor, "_on_ending", _nothing)(span))

    def on_end(self, span: ReadableSpan) -> None:
        """A span has ended."""
        self._each(lambda processor: processor.on_end(span))

    def shutdown(self) -> None:
        """Shut all of them down."""
        self._each(lambda processor: processor.shutdown())

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Let them send what they hold.

        Args:
            timeout_millis: for all of them together.

        Returns:
            False if one failed or had no time left.
        """
        deadline = time.monotonic() + timeout_millis / 1000
        done: list[bool] = []

        def flush(processor: SpanProcessor) -> None:
            left = int((deadline - time.monotonic()) * 1000)
            done.append(left > 0 and processor.force_flush(left) is not False)

        self._each(flush)
        return len(done) == len(self._span_processors) and all(done)

    def _each(self, call: Callable[[SpanProcessor], None]) -> None:
        for processor in self._span_processors:
            try:
                call(processor)
            except Exception as error:  # noqa: BLE001  # a processor that fails must not fail the request
                report(error, f"the span processor {type(processor).__name__}")

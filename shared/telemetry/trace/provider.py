"""The tracer provider: what all tracers share, and the one place where it is put together."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable

from opentelemetry import trace as api
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, SpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import DEFAULT_ON, Sampler
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.util.types import Attributes

from ..lifecycle import on_fork, report
from ..otlp.spans import encode_scope, encode_span
from .ids import RandomIds
from .keep import Keeper
from .limits import Limits
from .sampling import Rules
from .span import Span
from .tracer import Tracer

logger = logging.getLogger(__name__)

Put = Callable[[bytes, bytes], None]
"""Takes an encoded scope and an encoded span; never blocks, never raises."""


class TracerProvider(api.TracerProvider):
    """Tracers, and where their spans go. Stands wherever the SDK's `TracerProvider` does.

    Args:
        resource: who records.
        sampler: any sampler of the API; `ParentBased(ALWAYS_ON)` if None.
        id_generator: any id generator; random ids if None.
        span_limits: counts and lengths; the specification's defaults and `OTEL_*_LIMIT` if None.
        keep_errors: send traces that were not sampled, too, when their local root ends with an error.
        keep_slower_than: the same for local roots that take at least this many seconds.
    """

    def __init__(
        self,
        *,
        resource: Resource | None = None,
        sampler: Sampler | None = None,
        id_generator: IdGenerator | None = None,
        span_limits: SpanLimits | None = None,
        keep_errors: bool = False,
        keep_slower_than: float | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._tracers: dict[InstrumentationScope, Tracer] = {}
        self._processors: tuple[SpanProcessor, ...] = ()
        self._put: Put | None = None
        self._stopped = False
        self.resource = Resource.create() if resource is None else resource
        self.sampler = DEFAULT_ON if sampler is None else sampler
        self.rules = Rules(self.sampler)
        self.own_ids = id_generator
        self.id_generator: IdGenerator = id_generator or RandomIds()
        self.limits = Limits(span_limits or SpanLimits())
        self.keeper: Keeper | None = None
        if keep_errors or keep_slower_than is not None:
            self.keeper = Keeper(errors=keep_errors, slower_than=keep_slower_than)
        self.started: Callable[[Span, Context | None], None] | None = None
        on_fork(self._fork)

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> api.Tracer:
        """The tracer of an instrumentation scope; the same object for the same scope."""
        name = instrumenting_module_name
        if not name:
            logger.warning("get_tracer was called without a name; pass __name__")
            name = ""
        scope = InstrumentationScope(name, instrumenting_library_version or "", schema_url, attributes)
        with self._lock:
            tracer = self._tracers.get(scope)
            if tracer is None:
                tracer = self._tracers[scope] = Tracer(self, scope)
        return tracer

    # -- where spans go ------------------------------------------------------------------------------------

    def send_to(self, put: Put) -> None:
        """Encode every sampled span when it ends and hand it to `put(scope, record)`."""
        self._put = put
        self._configure()

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Call a processor, the SDK's or one's own, when a span starts and ends, in order of registration."""
        with self._lock:
            self._processors += (span_processor,)
        self._configure()

    def finisher(self, tracer: Tracer) -> Callable[[Span], None]:
        """What a tracer does with a span that ends: a function made for the present configuration."""
        send = self._sender(encode_scope(tracer.scope))
        processors = self._processors
        if self._stopped:
            return _drop
        if not processors:
            return send

        def finish(span: Span) -> None:
            if span._extras is not None:
                span._extras.settle()
            for processor in processors:
                try:
                    processor._on_ending(span)
                    processor.on_end(span)
                except Exception as error:  # noqa: BLE001  # a processor that fails must not fail the request
                    report(error, f"the span processor {type(processor).__name__}")
            send(span)

        return finish

    def _sender(self, scope: bytes) -> Callable[[Span], None]:
        put, keeper, encode = self._put, self.keeper, encode_span
        if put is None:
            return _drop
        sink: Put = put

        def send(span: Span) -> None:
            try:
                if span._trace.sampled:
                    sink(scope, encode(span))
                elif keeper is not None:
                    keeper.ended(span, scope, encode, sink)
            except Exception as error:  # noqa: BLE001  # telemetry never hurts the application
                report(error, "encoding a span")

        return send

    def _configure(self) -> None:
        self.started = self._on_start if self._processors else None
        with self._lock:
            for tracer in self._tracers.values():
                tracer.configure(self)

    def _on_start(self, span: Span, context: Context | None) -> None:
        for processor in self._processors:
            try:
                processor.on_start(span, parent_context=context)
            except Exception as error:  # noqa: BLE001  # a processor that fails must not fail the request
                report(error, f"the span processor {type(processor).__name__}")

    # -- life ------------------------------------------------------------------------------------------------

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Let the processors send what they hold.

        Args:
            timeout_millis: for all of them together.

        Returns:
            False if one did not finish in time.
        """
        deadline = time.monotonic() + timeout_millis / 1000
        done = True
        for processor in self._processors:
            left = int((deadline - time.monotonic()) * 1000)
            if left <= 0:
                return False
            try:
                done = processor.force_flush(left) is not False and done
            except Exception as error:  # noqa: BLE001  # one processor must not keep the others from flushing
                report(error, f"flushing {type(processor).__name__}")
                done = False
        return done

    def shutdown(self) -> None:
        """Shut the processors down; spans that end later go nowhere. Calling it again does nothing."""
        with self._lock:
            if self._stopped:
                return
            self._stopped = True
        for processor in self._processors:
            try:
                processor.shutdown()
            except Exception as error:  # noqa: BLE001  # one processor must not keep the others from closing
                report(error, f"shutting down {type(processor).__name__}")
        self._configure()

    def _fork(self) -> None:
        self._lock = threading.Lock()


def _drop(span: Span) -> None:
    """Where spans go when there is nowhere to send them."""
    if span._extras is not None:
        span._extras.settle()

"""The tracer provider: what all tracers share, and the one place where it is put together."""

from __future__ import annotations

import atexit
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from opentelemetry import trace as api
from opentelemetry.metrics import MeterProvider
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import (
    ConcurrentMultiSpanProcessor,
    SpanLimits,
    SpanProcessor,
    SynchronousMultiSpanProcessor,
)
from opentelemetry.sdk.trace.id_generator import IdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, DEFAULT_ON, Sampler
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.util.types import Attributes

from .. import deferred
from ..lifecycle import on_fork, report
from ..otlp.spans import encode_span
from ..scope import scope_of
from .configurator import Config, every_scope
from .extras import Extras
from .ids import RandomIds
from .keep import Keeper
from .limits import Limits
from .processors import Processors
from .sampling import Rules
from .span import Span
from .tracer import Tracer

logger = logging.getLogger(__name__)

Finish = Callable[[Span], None]

Put = Callable[[bytes, bytes], None]
"""Takes an encoded scope and an encoded span; never blocks, never raises."""

# fmt: off
_WHAT_RECORDS = (
    "_active_span_processor", "_processing", "_stopped", "put", "_flush", "_together", "_begun",
    "keeper", "sampler", "rules", "own_ids", "id_generator",
)
# fmt: on


class TracerProvider(sdk.TracerProvider):
    """Tracers, and where their spans go. Stands wherever the SDK's `TracerProvider` does.

    Args:
        sampler: any sampler of the API; `ParentBased(ALWAYS_ON)` if None.
        resource: who records.
        shutdown_on_exit: shut the processors down when the interpreter ends.
        active_span_processor: calls the processors; ours, one after another, if None.
        id_generator: any id generator; random ids if None.
        span_limits: counts and lengths; the specification's defaults and `OTEL_*_LIMIT` if None.
        meter_provider: accepted for the SDK's sake; our own counters are on the queue and the keeper.
        keep_errors: send traces that were not sampled, too, when their local root ends with an error.
        keep_slower_than: the same for local roots that take at least this many seconds.
    """

    def __init__(
        self,
        sampler: Sampler | None = None,
        resource: Resource | None = None,
        shutdown_on_exit: bool = True,
        active_span_processor: SynchronousMultiSpanProcessor | ConcurrentMultiSpanProcessor | None = None,
        id_generator: IdGenerator | None = None,
        span_limits: SpanLimits | None = None,
        *,
        meter_provider: MeterProvider | None = None,
        keep_errors: bool = False,
        keep_slower_than: float | None = None,
        _tracer_configurator: Callable[[InstrumentationScope], Config] | None = None,
    ) -> None:
        # The parent's __init__ is not called: it makes what is replaced here, and another handler for forks.
        del meter_provider
        self._tracers_lock = threading.Lock()
        self._tracers: dict[InstrumentationScope, Tracer] = {}  # type: ignore[assignment]  # ours are the SDK's, too
        self._active_span_processor = active_span_processor or Processors()  # type: ignore[no-untyped-call]  # the SDK's __init__
        self._processing = active_span_processor is not None
        self.put: Put | None = None
        self._flush: Callable[[float], bool] | None = None
        self._together = False
        self._begun = False
        self._stopped = False
        self._resource = Resource.create() if resource is None else resource
        self.sampler = sampler or DEFAULT_ON
        self.rules = Rules(self.sampler)
        self.own_ids = id_generator
        self.id_generator: IdGenerator = id_generator or RandomIds()  # type: ignore[assignment]  # the SDK infers too narrowly
        self._span_limits = span_limits or SpanLimits()
        self.limits = Limits(self._span_limits)
        self.keeper: Keeper | None = None
        if keep_errors or keep_slower_than is not None:
            self.keeper = Keeper(errors=keep_errors, slower_than=keep_slower_than)
        self._disabled = os.environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true"
        self._tracer_configurator = _tracer_configurator or every_scope
        self._atexit_handler = atexit.register(self.shutdown) if shutdown_on_exit else None
        on_fork(self._fork)

    def get_tracer(
        self,
        instrumenting_module_name: str,
        instrumenting_library_version: str | None = None,
        schema_url: str | None = None,
        attributes: Attributes = None,
    ) -> api.Tracer:
        """The tracer of an instrumentation scope; the same object for the same scope."""
        if self._disabled:
            return api.NoOpTracer()
        name = instrumenting_module_name
        if not name:
            logger.error("get_tracer was called without a name; pass __name__")
            name = ""
        scope = scope_of(name, instrumenting_library_version or "", schema_url, attributes)
        with self._tracers_lock:
            tracer = self._tracers.get(scope)
            if tracer is None:
                tracer = Tracer(self, scope)
                if self._tracer_configurator is not every_scope:
                    tracer._set_tracer_config(self._apply_tracer_configurator(scope))
                self._tracers[scope] = tracer
        return tracer

    def update_resource(self, resource: Resource) -> None:
        """Describe this process anew, as after a fork; spans read it when they are read."""
        self._resource = resource
        self._configure()

    # -- where spans go ------------------------------------------------------------------------------------

    def send_to(
        self, put: Put, flush: Callable[[float], bool] | None = None, *, together: bool = False
    ) -> None:
        """Encode every sampled span when it ends and hand it to `put(scope, record)`.

        Args:
            put: takes an encoded scope and an encoded span; never blocks, never raises.
            flush: sends what was put within so many seconds; `force_flush` calls it.
            together: encode many spans at a time, which costs less; who takes them calls `deferred.settle`
                before it sends. Spans that may be kept later are encoded one by one.
        """
        self.put = put
        self._flush = flush
        self._together = together and self.keeper is None
        self._configure()

    @property
    def defers(self) -> bool:
        """Whether spans that end are put down and encoded later."""
        # The first span goes on at once, because it starts the thread that sends the others.
        return self._together and self._begun and not self._stopped

    def add_span_processor(self, span_processor: SpanProcessor) -> None:
        """Call a processor, the SDK's or one's own, when a span starts and ends, in order of registration."""
        self._active_span_processor.add_span_processor(span_processor)
        self._processing = True
        self._configure()

    @contextmanager
    def recording_to(self, span_processor: SpanProcessor, id_generator: IdGenerator) -> Iterator[None]:
        """Sample every trace and give its spans to one processor alone, for tests; then go on as before."""
        deferred.settle()
        kept = {name: getattr(self, name) for name in _WHAT_RECORDS}
        self._active_span_processor = Processors()  # type: ignore[no-untyped-call]  # the SDK's __init__
        self._active_span_processor.add_span_processor(span_processor)
        self._processing, self._stopped = True, False
        self.put = self._flush = self.keeper = None
        self.sampler, self.rules = ALWAYS_ON, Rules(ALWAYS_ON)
        self.own_ids = self.id_generator = id_generator
        self._configure()
        try:
            yield
        finally:
            for name, value in kept.items():
                setattr(self, name, value)
            self._configure()

    @property
    def processors(self) -> SpanProcessor | None:
        """What to call when a span starts and ends; None when nobody is interested."""
        return self._active_span_processor if self._processing and not self._stopped else None

    def finisher(self, tracer: Tracer) -> Finish:
        """What a tracer does with a span that ends: a function made for the present configuration."""
        send = self._sender(tracer)
        processors = self.processors
        if processors is None:
            return send

        on_ending = getattr(processors, "_on_ending", _drop)  # older SDKs have none

        def finish(span: Span) -> None:
            on_ending(span)
            send(span)
            processors.on_end(span)

        return finish

    def _sender(self, tracer: Tracer) -> Finish:
        put, keeper, encode, scope = self.put, self.keeper, encode_span, tracer.wire
        if put is None or self._stopped:
            return _drop
        sink: Put = put
        if self.defers:

            def send_soon(span: Span) -> None:
                if span._extras is not None:
                    _settle(span._extras)
                if span._trace.sampled:
                    deferred.put((tracer, span))

            return send_soon

        def send(span: Span) -> None:
            try:
                if span._trace.sampled:
                    sink(scope, encode(span))
                    if self._together and not self._begun:
                        self._begun = True
                        self._configure()
                elif keeper is not None:
                    keeper.ended(span, scope, encode, sink)
                else:
                    _drop(span)
            except Exception as error:  # noqa: BLE001  # telemetry never hurts the application
                report(error, "encoding a span")

        return send

    def _configure(self) -> None:
        with self._tracers_lock:
            for tracer in self._tracers.values():
                tracer.configure(self)

    # -- life ------------------------------------------------------------------------------------------------

    def force_flush(self, timeout_millis: int = 30000) -> bool:
        """Send every span that has ended; False when that is not done in time.

        Args:
            timeout_millis: milliseconds for processors and queue together.
        """
        deadline = time.monotonic() + timeout_millis / 1000
        done = self._active_span_processor.force_flush(timeout_millis)
        if self._flush is None:
            return done
        return self._flush(max(0.0, deadline - time.monotonic())) and done

    def shutdown(self) -> None:
        """Shut the processors down; spans that end later go nowhere. Calling it again does nothing."""
        with self._tracers_lock:
            if self._stopped:
                return
            self._stopped = True
        if self._together:
            deferred.settle()
        if self._atexit_handler is not None:
            atexit.unregister(self._atexit_handler)
        self._atexit_handler = None
        self._active_span_processor.shutdown()
        self._configure()

    def _fork(self) -> None:
        self._tracers_lock = threading.Lock()
        self._begun = False
        self._configure()


def _drop(span: Span) -> None:
    """Where spans go when there is nowhere to send them."""
    if span._extras is not None:
        _settle(span._extras)


def _settle(extras: Extras) -> None:
    # An exception that was recorded refers to frames that refer to the span.
    try:
        extras.settle()
    except Exception as error:  # noqa: BLE001  # telemetry never hurts the application
        report(error, "formatting an exception")

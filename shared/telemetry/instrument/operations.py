"""Client spans of database libraries, and how long their operations take.

Nothing that runs inside of an operation can see its span, since it is not made current. So below a recorded
span of ours an operation that goes well leaves two times behind, and its span is made when it is encoded. One
that fails, or is traced by another provider, has a span from the start.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from time import monotonic_ns, thread_time
from typing import Any, TypeAlias

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind, TracerProvider

from ..cost import SPANS_ENDED, SPANS_STARTED, Section
from ..deferred import put
from ..lifecycle import report
from ..otlp.attributes import Prepared
from ..trace.context import SPAN_KEY, current
from . import client, semconv

_started = SPANS_STARTED.add
_ended = SPANS_ENDED.add

Describe: TypeAlias = "Callable[[Any, tuple[Any, ...], dict[str, Any]], Operation | None]"
"""From an object, and the arguments of a call of its method, to the operation; None for what is none."""
Run: TypeAlias = "tuple[Operation, Any, Span | None, int, float]"
"""An operation that runs: what it is, the parent, its span if it has one by now, its start in nanoseconds
of the monotonic clock, and whether its cost is measured."""


class Operation:
    """What all runs of one operation on one database have in common: to be kept for the next one.

    Args:
        operations: of the library.
        name: of the span.
        attributes: of the span.
    """

    __slots__ = ("_measure", "_operations", "_recorder", "_rest", "attributes", "name")

    def __init__(self, operations: Operations, name: str, attributes: Prepared) -> None:
        self._operations = operations
        self.name = name
        self.attributes = attributes
        self._rest: bytes | None = None
        self._recorder: client.RecordDuration | None = None
        self._measure: Callable[[float, None, Span], None] | None = None

    def settle(self, work: tuple[Operation, Any, int, int]) -> None:
        """Send the span of a run that went well, and record how long it took."""
        _, parent, began, ended = work
        rest = self._rest
        if rest is None:
            from ..otlp.spans import encode_rest  # brings the SDK, which is there by now

            rest = self._rest = encode_rest(self.name, SpanKind.CLIENT, self.attributes)
        operations = self._operations
        operations.tracer.put_leaf(rest, parent, began, ended)
        recorder: Any = operations.record
        if recorder is not self._recorder:
            self._recorder = recorder
            self._measure = None if recorder is None else recorder.series(self.attributes, 0, None)
        if self._measure is not None:
            self._measure(_seconds(began, ended), None, parent)


def _seconds(began: int, ended: int) -> float:
    return (ended - began) / 1e9


class Operations:
    """Wraps the methods of one library.

    Args:
        library: its name.
        section: counts what its instrumentation costs.
        provider: takes the place of the global provider.
        status_code: the value of `db.response.status_code` for an exception; None when it has none.
        record: as for `measure`.

    Attributes:
        tracer: makes the spans.
        record: takes how long each operation took; None where nobody measures.
    """

    def __init__(
        self,
        library: str,
        section: Section,
        provider: TracerProvider | None,
        status_code: Callable[[BaseException], str | None],
        record: client.RecordDuration | None,
    ) -> None:
        self.tracer: Any = semconv.tracer(library, provider)
        self._section = section
        self._status_code = status_code
        self._unsampled: type[Any] | None = getattr(self.tracer, "unsampled", None)
        self.measure(record)

    def measure(self, record: client.RecordDuration | None) -> None:
        """Have each operation's duration recorded; None stops it."""
        self.record = record
        at_once = record is not None and getattr(record, "at_once", True)
        # A tracer of ours takes spans that nobody saw; this is the class of the parents they may have.
        self._parents: type[Any] | None = None if at_once else getattr(self.tracer, "spans", None)

    def asynchronous(self, describe: Describe, original: Any) -> Any:
        """The coroutine function `original`, each call of which is an operation."""
        begin, fail, end = self._begin, self._fail, self._end

        @functools.wraps(original)
        async def traced(target: Any, *args: Any, **options: Any) -> Any:
            run = begin(describe, target, args, options)
            if run is None:
                return await original(target, *args, **options)
            try:
                result = await original(target, *args, **options)
            except BaseException as error:
                fail(run, error)
                raise
            end(run)
            return result

        return traced

    def sync(self, describe: Describe, original: Any) -> Any:
        """The function `original`, each call of which is an operation."""
        begin, fail, end = self._begin, self._fail, self._end

        @functools.wraps(original)
        def traced(target: Any, *args: Any, **options: Any) -> Any:
            run = begin(describe, target, args, options)
            if run is None:
                return original(target, *args, **options)
            try:
                result = original(target, *args, **options)
            except BaseException as error:
                fail(run, error)
                raise
            end(run)
            return result

        return traced

    def _begin(
        self, describe: Describe, target: Any, args: tuple[Any, ...], options: dict[str, Any]
    ) -> Run | None:
        context = current()
        parent: Any = context.get(SPAN_KEY)
        if (len(context) > 1 or parent is None) and client.suppressed(context):
            return None
        kind = type(parent)
        if kind is self._unsampled and self.record is None and self.tracer.skips:
            return None
        cost = client.chosen(parent, self._section)
        quick = kind is self._parents and self.tracer.leaves and parent._trace.sampled
        span = None
        try:
            operation = describe(target, args, options)
            if operation is None:
                return None
            if quick:
                _started()
            else:
                span = self._start(operation, context)
            began = monotonic_ns()
        except Exception as error:  # noqa: BLE001 - telemetry never hurts the application
            report(error, "tracing a database operation")
            return None
        if cost:
            self._section.add(cost)
        return operation, parent, span, began, cost

    def _start(self, operation: Operation, context: Context, began: int | None = None) -> Span:
        span: Span = self.tracer.start_span(
            operation.name, context, SpanKind.CLIENT, operation.attributes, start_time=began
        )
        return span

    def _end(self, run: Run) -> None:
        operation, parent, span, began, cost = run
        ended = monotonic_ns()
        if cost:
            cost = thread_time()
        if span is None:
            _ended()
        else:
            self._end_span(operation, span, began, ended, None)
        if cost:
            self._section.add(cost)
        if span is None:
            put((operation, parent, began, ended))

    def _fail(self, run: Run, error: BaseException) -> None:
        operation, parent, span, began, _ = run
        ended = monotonic_ns()
        try:
            if span is None:
                # It counted as started already.
                _ended()
                span = self._start(operation, Context({SPAN_KEY: parent}), began + parent._trace.ahead)
            code = self._status_code(error)
            if code is None:
                code = client.fail(span, error)
            elif span.is_recording():
                span.set_attribute("db.response.status_code", code)
                span.record_exception(error)
                client.fail_with(span, code)
        except Exception as fault:  # noqa: BLE001 - telemetry never hurts the application
            report(fault, "a database operation that failed")
        else:
            self._end_span(operation, span, began, ended, code)

    def _end_span(self, operation: Operation, span: Span, began: int, ended: int, error: str | None) -> None:
        try:
            try:
                if self.record is not None:
                    self.record(_seconds(began, ended), operation.attributes, 0, error)
            finally:
                span.end(client.end_time(span, began, ended))
        except Exception as fault:  # noqa: BLE001 - telemetry never hurts the application
            report(fault, "ending a database span")

"""The context manager behind `start_as_current_span`: a plain object instead of a generator."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from contextvars import Token
from functools import wraps
from types import TracebackType
from typing import Any, TypeVar

from opentelemetry.context import Context
from opentelemetry.trace import Span as ApiSpan
from opentelemetry.trace import StatusCode, Tracer

from ..cost import CUSTOM
from .context import activate, deactivate
from .failure import description

F = TypeVar("F", bound=Callable[..., Any])


class CurrentSpan:
    """A span that is current inside of a `with` block, or of every call of a decorated function."""

    __slots__ = ("_arguments", "_end", "_span", "_token", "_tracer")

    _span: ApiSpan
    _token: Token[Context]

    def __init__(self, tracer: Tracer, arguments: tuple[Any, ...], end_on_exit: bool) -> None:
        self._tracer = tracer
        self._arguments = arguments
        self._end = end_on_exit

    def __enter__(self) -> ApiSpan:
        cost = CUSTOM.begin()
        self._span = span = self._tracer.start_span(*self._arguments)
        self._token = activate(span)
        if cost:
            self._chosen(span, cost)
        return span

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cost = CUSTOM.begin()
        deactivate(self._token)
        span = self._span
        # Cancellation, GeneratorExit and their like end a block without being its failure.
        if error is not None and isinstance(error, Exception) and span.is_recording():
            self._fail(span, error)
        if self._end:
            span.end()
        if cost:
            CUSTOM.add(cost)

    def _chosen(self, span: ApiSpan, began: float) -> None:
        """Have what happens below this span timed, too, when the choice is about a whole trace."""
        root = getattr(span, "is_local_root", None)
        if root is not None and root():
            span._trace.timed = True  # type: ignore[attr-defined]  # ours, as the line above says
        CUSTOM.add(began)

    def _fail(self, span: ApiSpan, error: Exception) -> None:
        ours = getattr(span, "fail", None)
        if ours is not None:
            ours(error, escaped=False)
            return
        *_, record, set_status = self._arguments
        if record:
            span.record_exception(error)
        if set_status:
            span.set_status(StatusCode.ERROR, description(error))

    def __call__(self, function: F) -> F:
        """Decorate a function or a coroutine function: one span for each call, until it returns."""
        again = (self._tracer, self._arguments, self._end)
        decorated: Any
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def decorated(*args: Any, **kwargs: Any) -> Any:
                with CurrentSpan(*again):
                    return await function(*args, **kwargs)

        else:

            @wraps(function)
            def decorated(*args: Any, **kwargs: Any) -> Any:
                with CurrentSpan(*again):
                    return function(*args, **kwargs)

        return decorated  # type: ignore[no-any-return]  # wraps() keeps the signature

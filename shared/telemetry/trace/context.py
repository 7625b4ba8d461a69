"""The current span: reading it, making one current, and going back, at the cost of one context variable.

The API's own functions copy the context twice for every change and log a traceback when an async generator
is closed by another task than the one that ran it; both are avoided by using the variable behind them.
"""

from __future__ import annotations

from collections.abc import Callable
from contextvars import Token

from opentelemetry import context as api
from opentelemetry.context import Context
from opentelemetry.context.contextvars_context import ContextVarsRuntimeContext
from opentelemetry.trace import Span
from opentelemetry.trace.propagation import _SPAN_KEY

SPAN_KEY: str = _SPAN_KEY
"""Where the context keeps the current span."""

current: Callable[[], Context] = api.get_current
"""The current context."""

_attach: Callable[[Context], Token[Context]] = api.attach
_detach: Callable[[Token[Context]], None] = api.detach

# OTEL_PYTHON_CONTEXT may have chosen another implementation; then the API's functions serve.
if type(api._RUNTIME_CONTEXT) is ContextVarsRuntimeContext:
    _variable = api._RUNTIME_CONTEXT._current_context
    current, _attach, _detach = _variable.get, _variable.set, _variable.reset

_put = dict.__setitem__


def activate(span: Span, below: Context | None = None) -> Token[Context]:
    """Make the span current; hand the token to `deactivate`.

    Args:
        span: the span.
        below: the context to add it to; the current one if None.
    """
    context = Context(current() if below is None else below)
    # Context is a dict that refuses item assignment; this one is not shared with anybody yet.
    _put(context, SPAN_KEY, span)
    return _attach(context)


def deactivate(token: Token[Context]) -> None:
    """Go back to what was current before `activate`.

    An async generator may be finished in another context than it was started in. That context never saw
    the span, so there is nothing to undo.
    """
    try:
        _detach(token)
    except (ValueError, RuntimeError):
        return

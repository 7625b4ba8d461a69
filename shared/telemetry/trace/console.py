"""Traces on the console: one line a span, printed as a tree when the local root ends."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from typing import Final, TextIO

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import StatusCode, format_trace_id
from opentelemetry.util.types import AttributeValue as AnyValue

from ..otlp.attributes import shown
from ..scrub import REDACTED, is_secret_name, scrub
from .span import Span

TRACES: Final = 200
"""Traces under way that are remembered; of more, the oldest is printed as far as it is known."""

SPANS: Final = 500
"""Spans of one trace that are remembered; more are printed as a number."""

_VALUE: Final = 80


class ConsoleProcessor(SpanProcessor):
    """Prints each trace of this process as a tree. For development: it writes in the thread that ends a span.

    Args:
        out: where to; `sys.stdout` of the moment if None.
    """

    def __init__(self, out: TextIO | None = None) -> None:
        self._out = out
        self._open: dict[int, list[ReadableSpan]] = {}
        self._skipped: dict[int, int] = {}

    def on_end(self, span: ReadableSpan) -> None:
        """Remember the span; print its trace if it is the local root."""
        context = span.get_span_context()
        if context is None:
            return
        trace = context.trace_id
        if not _is_sent(span):
            self._open.pop(trace, None)
            self._skipped.pop(trace, None)
            return
        spans = self._open.setdefault(trace, [])
        if len(spans) < SPANS:
            spans.append(span)
        else:
            self._skipped[trace] = self._skipped.get(trace, 0) + 1
        if span.parent is None or span.parent.is_remote:
            self._print(trace)
        elif len(self._open) > TRACES:
            self._print(next(iter(self._open)))

    def shutdown(self) -> None:
        """Print what is known of traces that are under way."""
        for trace in list(self._open):
            self._print(trace)

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        """Do nothing: a trace is printed when it is complete."""
        del timeout_millis
        return True

    def _print(self, trace: int) -> None:
        spans = self._open.pop(trace, [])
        skipped = self._skipped.pop(trace, 0)
        text = tree(spans) + (f"   and {skipped} more spans\n" if skipped else "")
        out = self._out or sys.stdout
        out.write(f"trace {format_trace_id(trace)}\n{text}")
        out.flush()


def _is_sent(span: ReadableSpan) -> bool:
    context = span.get_span_context()
    if context is not None and context.trace_flags.sampled:
        return True
    held = span._trace.held if isinstance(span, Span) else None
    # Of a trace that is held back nothing is known yet, except that its spans come before its root.
    return held is not None and held.kept is not False


def tree(spans: list[ReadableSpan]) -> str:
    """The spans of one trace, each on a line below its parent, in order of their start."""
    text: list[str] = []
    # What opens the lines below the last span of each depth.
    below: list[str] = []
    for depth, last, span in walk(spans):
        del below[depth:]
        indent = below[-1] if below else ""
        branch = ("└─ " if last else "├─ ") if depth else ""
        below.append(indent + (("   " if last else "│  ") if depth else ""))
        text.append(f"{indent}{branch}{line(span)}\n")
    return "".join(text)


def walk(spans: list[ReadableSpan]) -> Iterator[tuple[int, bool, ReadableSpan]]:
    """Depth in its trace, whether it is its parent's last child, and span: parents first, by their start."""
    ids = {context.span_id for span in spans if (context := span.get_span_context()) is not None}
    children: dict[int, list[ReadableSpan]] = {}
    for span in sorted(spans, key=lambda span: span.start_time or 0):
        parent = span.parent.span_id if span.parent is not None else 0
        children.setdefault(parent if parent in ids else 0, []).append(span)
    # Depth first with a list of our own: a trace may be deeper than Python's stack.
    pending = [(0, True, span) for span in reversed(children.get(0, []))]
    while pending:
        depth, last, span = pending.pop()
        yield depth, last, span
        context = span.get_span_context()
        below = children.get(context.span_id, []) if context is not None else []
        pending += [(depth + 1, child is below[-1], child) for child in reversed(below)]


def line(span: ReadableSpan) -> str:
    """Name, kind, duration, status and attributes of one span."""
    words = [
        _text(span.name),
        span.kind.name.lower(),
        f"{((span.end_time or 0) - (span.start_time or 0)) / 1e6:.2f} ms",
    ]
    if span.status.status_code is StatusCode.ERROR:
        words.append(f"ERROR {_text(scrub(span.status.description or ''))}".rstrip())
    return "  ".join([*words, *_pairs(span.attributes or {})])


def _pairs(attributes: Mapping[str, AnyValue]) -> list[str]:
    return [
        f"{_text(key)}={REDACTED if is_secret_name(key) else _text(scrub(shown(value)))}"
        for key, value in attributes.items()
    ]


def _text(text: str) -> str:
    """The text on one line: short, and quoted if it has anything in it that could be mistaken."""
    short = text if len(text) <= _VALUE else f"{text[:_VALUE]}..."
    return short if short.isprintable() and '"' not in short else json.dumps(short)

"""Traces and series as text for a reader who pays by the word."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime

from temponest.client.loki import Line
from temponest.client.tempo import TraceSummary
from temponest.client.trace import Span, Trace, Value
from temponest.terminal.waterfall import duration, whole_milliseconds

from .critical_path import critical_path

# Lines of a tree, and characters of a value, before the rest is only counted.
MAX_LINES = 150
MAX_VALUE = 300
MAX_LOGS = 60
# Siblings of one name from which on they are one line.
ALIKE = 5
SHORT_ID = 8


def moment(nanoseconds: int) -> str:
    """A time in UTC with milliseconds."""
    text = datetime.fromtimestamp(nanoseconds // 1_000_000 / 1_000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def summaries(found: Iterable[TraceSummary]) -> str:
    """One line a trace."""
    lines = [
        f"{one.trace_id}  {moment(one.start_ns)}  {whole_milliseconds(one.duration_ms)}"
        f"  {one.service} {one.name}"
        for one in found
    ]
    return "\n".join(lines) or "no trace matches"


def topology(trace: Trace) -> str:
    """The tree without attributes; many alike children without children are one line."""
    errors = sum(span.status == "error" for span in trace.spans)
    lines = [
        f"{len(trace.spans)} spans, {len(trace.services)} services, {errors} errors,"
        f" {duration(trace.end_ns - trace.start_ns)}, started {moment(trace.start_ns)}"
    ]
    hidden = 0
    stack: list[tuple[int, list[Span]]] = [(0, [root]) for root in reversed(trace.roots)]
    while stack:
        depth, alike = stack.pop()
        if len(lines) > MAX_LINES:
            hidden += len(alike)
        else:
            lines.append("  " * depth + _line(alike))
        below = _grouped(alike[0].children) if len(alike) == 1 else []
        stack.extend((depth + 1, children) for children in reversed(below))
    if hidden:
        lines.append(f"... {hidden} more; ask span_details or trace_errors for parts of it")
    return "\n".join(lines)


def _grouped(children: list[Span]) -> list[list[Span]]:
    groups: dict[tuple[str, str], list[Span]] = defaultdict(list)
    for child in children:
        if not child.children:
            groups[child.service, child.name].append(child)
    collapsed = {key for key, members in groups.items() if len(members) >= ALIKE}
    result: list[list[Span]] = []
    for child in children:
        key = (child.service, child.name)
        if child.children or key not in collapsed:
            result.append([child])
        elif groups[key][0] is child:
            result.append(groups[key])
    return result


def _line(alike: list[Span]) -> str:
    span = alike[0]
    errors = sum(one.status == "error" for one in alike)
    if len(alike) > 1:
        total, longest = sum(one.duration_ns for one in alike), max(one.duration_ns for one in alike)
        failed = f", {errors} errors" if errors else ""
        return (
            f"{span.span_id[:SHORT_ID]} {span.service} {span.name} ×{len(alike)}"  # noqa: RUF001 - "times"
            f" (total {duration(total)}, longest {duration(longest)}{failed})"
        )
    return _named(span) + (" ERROR" if errors else "")


def _named(span: Span) -> str:
    name = f"{span.span_id[:SHORT_ID]} {span.service} {span.name}"
    return f"{name} [{span.kind}] {duration(span.duration_ns)}"


def logs(found: Sequence[Line], trace: Trace) -> str:
    """A line a log line, with the time since the trace began; long ones are cut, very many counted."""
    lines = [
        f"{(line.time_ns - trace.start_ns) / 1e6:+.1f} ms  {line.level}  {line.service}"
        + (f"  {line.span_id[:SHORT_ID]}" if line.span_id else "")
        + "  "
        + _short(line.text).replace("\n", "\n    ")
        for line in found[:MAX_LOGS]
    ]
    if len(found) > MAX_LOGS:
        lines.append(f"... {len(found) - MAX_LOGS} more; ask for those containing a text")
    return "\n".join(lines) or "no log lines of this trace"


def details(trace: Trace, span_ids: Iterable[str]) -> str:
    """Everything about a few spans, given by the start of their ids."""
    blocks = []
    for wanted in span_ids:
        found = [span for span in trace.spans if span.span_id.startswith(wanted.lower())]
        blocks += [_details(span) for span in found] or [f"{wanted}: no such span"]
    return "\n\n".join(blocks)


def errors(trace: Trace) -> str:
    """The failed spans with what they say about it."""
    return "\n\n".join(_details(span) for span in trace.spans if span.status == "error") or "no failed span"


def _details(span: Span) -> str:
    failed = f" ERROR {span.status_message}" if span.status == "error" else ""
    lines = [
        f"{span.span_id} {span.service} {span.name} [{span.kind}] {duration(span.duration_ns)}{failed}",
        f"  started {moment(span.start_ns)}, parent {span.parent_id or 'none'}",
    ]
    lines += [f"  {key} = {_value(value)}" for key, value in span.attributes.items()]
    for event in span.events:
        lines.append(f"  event {event.name} after {duration(event.time_ns - span.start_ns)}")
        lines += [f"    {key} = {_value(value)}" for key, value in event.attributes.items()]
    return "\n".join(lines)


def _value(value: Value) -> str:
    return _short(json.dumps(value, ensure_ascii=False))


def _short(text: str) -> str:
    return text if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]}... ({len(text)} characters)"


def path(trace: Trace) -> str:
    """The critical path by time, and each span's share of it."""
    sections = critical_path(trace)
    total = sum(section.duration_ns for section in sections) or 1
    shares: dict[str, int] = defaultdict(int)
    named = {}
    for section in sections:
        shares[section.span.span_id] += section.duration_ns
        named[section.span.span_id] = section.span
    ranked = sorted(shares.items(), key=lambda item: -item[1])
    return "\n".join(
        f"{share / total:6.1%}  {duration(share)} of  {_named(named[span_id])}"
        for span_id, share in ranked[:MAX_LINES]
    )

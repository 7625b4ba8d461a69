"""Traces and series as text for a reader who pays by the word."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from temponest.client.loki import Line
from temponest.client.tempo import TraceSummary
from temponest.client.trace import Span, Trace, Value
from temponest.terminal.waterfall import duration, whole_milliseconds

from .critical_path import critical_path

# Characters of a whole answer, some 4,000 tokens: an agent reads every one of them.
MAX_ANSWER = 16_000
# Lines of a tree and of a path, and characters of a value and of a name, before the rest is only counted.
MAX_LINES = 150
MAX_PATH = 40
MAX_VALUE = 300
MAX_NAME = 120
MAX_LOGS = 60
# Failed spans, and attributes and events of one span, that are shown whole.
MAX_ERRORS = 10
MAX_ATTRIBUTES = 40
MAX_EVENTS = 10
ERROR_ATTRIBUTES = 12
ERROR_EVENTS = 2
# Names in a list, and groups of what is left out of one.
MAX_NAMES = 100
MAX_GROUPS = 20
MAX_SERVICES = 100
# Siblings of one name from which on they are one line.
ALIKE = 5
SHORT_ID = 8


def moment(nanoseconds: int) -> str:
    """A time in UTC with milliseconds."""
    text = datetime.fromtimestamp(nanoseconds // 1_000_000 / 1_000, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def bounded(text: str) -> str:
    """The text, cut at the end of a line where it is longer than an answer may be, and said so."""
    if len(text) <= MAX_ANSWER:
        return text
    kept = text[:MAX_ANSWER].rpartition("\n")[0] or text[:MAX_ANSWER]
    return f"{kept}\n... {len(text) - len(kept):,} more characters; ask for less at once"


def some(names: Sequence[str], what: str, narrow: str, limit: int = MAX_NAMES) -> str:
    """A list by commas; of a long one the beginning, and how the names that are left out begin.

    Args:
        names: what is listed, in order.
        what: what they are, in the plural.
        narrow: how to ask for fewer.
        limit: how many are listed.
    """
    text = ", ".join(short(name, MAX_NAME) for name in names[:limit])
    if len(names) <= limit:
        return text
    groups = Counter(re.split(r"(?<=[._/-])", name)[0] for name in names[limit:])
    begins = ", ".join(f"{short(one, MAX_NAME)}* {count:,}" for one, count in groups.most_common(MAX_GROUPS))
    return f"{text}\n... {len(names) - limit:,} more {what}; {narrow} ({begins})"


def services(spans: Mapping[str, float], errors: Mapping[str, float], slowest: Mapping[str, float]) -> str:
    """A line a service, by name; of very many those with the most failed spans, then the most spans."""
    shown = sorted(spans, key=lambda name: (-errors.get(name, 0), -spans[name]))[:MAX_SERVICES]
    lines = [
        f"{short(name, MAX_NAME)}: {spans[name]:.0f} spans, {errors.get(name, 0):.0f} errors,"
        f" p95 {duration(slowest.get(name, 0) * 1e9)}"
        for name in sorted(shown)
    ]
    if len(spans) > MAX_SERVICES:
        lines.append(
            f"... {len(spans) - MAX_SERVICES:,} more services with fewer errors and spans;"
            " see attribute_values of resource.service.name with a query"
        )
    return "\n".join(lines)


def summaries(found: Iterable[TraceSummary]) -> str:
    """One line a trace."""
    lines = [
        f"{one.trace_id}  {moment(one.start_ns)}  {whole_milliseconds(one.duration_ms)}"
        f"  {short(f'{one.service} {one.name}', MAX_NAME)}"
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
            f"{_who(span)} ×{len(alike)}"  # noqa: RUF001 - "times"
            f" (total {duration(total)}, longest {duration(longest)}{failed})"
        )
    return _named(span) + (" ERROR" if errors else "")


def _named(span: Span) -> str:
    return f"{_who(span)} [{span.kind}] {duration(span.duration_ns)}"


def _who(span: Span) -> str:
    return f"{span.span_id[:SHORT_ID]} {short(f'{span.service} {span.name}', MAX_NAME)}"


def logs(found: Sequence[Line], trace: Trace) -> str:
    """A line a log line, with the time since the trace began; long ones are cut, very many counted."""
    lines = [
        f"{(line.time_ns - trace.start_ns) / 1e6:+.1f} ms  {line.level}  {line.service}"
        + (f"  {line.span_id[:SHORT_ID]}" if line.span_id else "")
        + "  "
        + short(line.text).replace("\n", "\n    ")
        for line in found[:MAX_LOGS]
    ]
    if len(found) > MAX_LOGS:
        lines.append(f"... {len(found) - MAX_LOGS} more; ask for those containing a text")
    return "\n".join(lines) or "no log lines of this trace"


def details(trace: Trace, span_ids: Iterable[str], containing: str = "") -> str:
    """What is known of a few spans, given by the start of their ids; perhaps only some attributes."""
    blocks = []
    for wanted in span_ids:
        found = [span for span in trace.spans if span.span_id.startswith(wanted.lower())]
        if len(found) > MAX_ERRORS:
            blocks.append(f"{wanted}: {len(found):,} spans begin with this; give more of the id")
            continue
        blocks += [_details(span, containing) for span in found] or [f"{wanted}: no such span"]
    return "\n\n".join(blocks)


def errors(trace: Trace) -> str:
    """The failed spans with what they say about it, where a failure began first; many are counted by kind."""
    failed = [span for span in trace.spans if span.status == "error"]
    # Where the failure began; the spans above it only pass it on.
    failed.sort(key=lambda span: any(child.status == "error" for child in span.children))
    # One of each kind before a second of any.
    seen: Counter[tuple[str, str, str]] = Counter()
    ranked: list[tuple[int, Span]] = []
    for span in failed:
        kind = (span.service, span.name, span.status_message)
        ranked.append((seen[kind], span))
        seen[kind] += 1
    ranked.sort(key=lambda one: one[0])
    blocks: list[str] = []
    # Half of the answer is for spans, so that what is left out of it has its place, too.
    while len(blocks) < min(MAX_ERRORS, len(ranked)) and sum(map(len, blocks)) < MAX_ANSWER // 2:
        blocks.append(_details(ranked[len(blocks)][1], attributes=ERROR_ATTRIBUTES, events=ERROR_EVENTS))
    rest = [span for _, span in ranked[len(blocks) :]]
    if rest:
        blocks.append(_left_out(rest))
    return "\n\n".join(blocks) or "no failed span"


def _left_out(spans: Sequence[Span]) -> str:
    """How many spans of which kind, and an id of each kind to go on with."""
    kinds: dict[tuple[str, str, str], list[Span]] = defaultdict(list)
    for span in spans:
        kinds[span.service, span.name, span.status_message].append(span)
    ranked = sorted(kinds.values(), key=lambda alike: -len(alike))
    lines = [f"... {len(spans):,} more failed spans; ask span_details for one of them:"]
    for alike in ranked[:MAX_GROUPS]:
        message = f": {short(alike[0].status_message, MAX_NAME)}" if alike[0].status_message else ""
        lines.append(f"  {_who(alike[0])} ×{len(alike):,}{message}")  # noqa: RUF001 - "times"
    if len(ranked) > MAX_GROUPS:
        lines.append(f"  and {len(ranked) - MAX_GROUPS:,} more kinds")
    return "\n".join(lines)


def _details(
    span: Span, containing: str = "", attributes: int = MAX_ATTRIBUTES, events: int = MAX_EVENTS
) -> str:
    failed = f" ERROR {short(span.status_message)}" if span.status == "error" else ""
    name = short(f"{span.service} {span.name}")
    lines = [
        f"{span.span_id} {name} [{span.kind}] {duration(span.duration_ns)}{failed}",
        f"  started {moment(span.start_ns)}, parent {span.parent_id or 'none'}",
        *_attributes(span.attributes, containing, "  ", attributes),
    ]
    for event in span.events[:events]:
        lines.append(f"  event {short(event.name)} after {duration(event.time_ns - span.start_ns)}")
        lines += _attributes(event.attributes, containing, "    ", attributes)
    if len(span.events) > events:
        lines.append(f"  ... {len(span.events) - events:,} more events")
    return "\n".join(lines)


def _attributes(attributes: Mapping[str, Value], containing: str, indent: str, most: int) -> list[str]:
    wanted = [(key, value) for key, value in attributes.items() if containing in key]
    lines = [f"{indent}{short(key, MAX_NAME)} = {_value(value)}" for key, value in wanted[:most]]
    if len(wanted) > most:
        lines.append(
            f"{indent}... {len(wanted) - most:,} more attributes;"
            " ask span_details for those containing a text"
        )
    return lines


def _value(value: Value) -> str:
    return short(json.dumps(value, ensure_ascii=False))


def short(text: str, most: int = MAX_VALUE) -> str:
    """The text, or its beginning and how long it is."""
    return text if len(text) <= most else f"{text[:most]}... ({len(text)} characters)"


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
    lines = [
        f"{share / total:6.1%}  {duration(share)} of  {_named(named[span_id])}"
        for span_id, share in ranked[:MAX_PATH]
    ]
    if len(ranked) > MAX_PATH:
        rest = sum(share for _, share in ranked[MAX_PATH:])
        lines.append(f"{rest / total:6.1%}  {duration(rest)} in {len(ranked) - MAX_PATH:,} more spans")
    return "\n".join(lines)

"""The script language of `answers/*.test`: which spans there are, what is asked, what must come back.

    load
      trace 1
        1 "GET /" service="web" at=0s for=3s kind=server span.retry=true
          2 "SELECT" kind=client status=error resource.host.name="a"
            event "exception" at=5ms exception.type="Timeout"
            link 2:1 why="retry"

    eval { status = error }
      1: 2

    eval { } | by(resource.service.name)
      1: 1 ; by(resource.service.name)="web"

    metrics 0s 60s 10s { } | rate() by (name)
      name="GET /"  0.1 0 0 0 0 0

A span's parent is the span it is indented under (`parent=N` says otherwise). Times count from T0; a span
starts with its parent and takes a second unless `at` and `for` say otherwise. `eval` lists spansets, newest
trace first, as `trace: spans`; `window A B` before a query bounds it. In metrics `_` is no value.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from temponest.nest.model.duration import parse_duration
from temponest.nest.model.span import Event, Kind, Link, Scope, Span, Status, Value
from tests.nest.make import SECOND, T0, span, span_id, trace_id

_PAIR = re.compile(r'([\w.:/()-]+)=("(?:[^"\\]|\\.)*"|\[[^\]]*\]|\S+)')
_SPAN = re.compile(r'(\d+) ("(?:[^"\\]|\\.)*")(.*)')


@dataclass(frozen=True)
class Question:
    """One `eval` or `metrics` with the lines that must come back."""

    file: str
    line: int
    query: str
    expected: tuple[str, ...]
    window: tuple[int, int] = (0, 0)
    step: int = 0
    metrics: bool = False

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass
class Script:
    """One file."""

    spans: list[Span] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)


def read(path: Path) -> Script:
    script = Script()
    lines = [line.rstrip() for line in path.read_text().splitlines()]
    position = 0
    while position < len(lines):
        line = lines[position]
        start = position
        position += 1
        if not line or line.startswith("#"):
            continue
        block = []
        while position < len(lines) and (lines[position].startswith(" ") or not lines[position]):
            if lines[position].strip() and not lines[position].strip().startswith("#"):
                block.append(lines[position])
            position += 1
        if line == "load":
            script.spans.extend(_load(block))
        else:
            script.questions.append(_question(path.name, start + 1, line, block))
    return script


def _question(file: str, number: int, line: str, block: list[str]) -> Question:
    expected = tuple(" ".join(text.split()) for text in block)
    word, _, rest = line.partition(" ")
    if word == "metrics":
        start, end, step, query = rest.split(" ", 3)
        window = (T0_STEP + parse_duration(start), T0_STEP + parse_duration(end))
        return Question(file, number, query, expected, window, parse_duration(step), metrics=True)
    window = (0, 0)
    if word == "window":
        start, end, word, rest = rest.split(" ", 3)
        window = (T0 + parse_duration(start), T0 + parse_duration(end))
    assert word == "eval", f"{file}:{number}: expected load, eval, window or metrics"
    return Question(file, number, rest, expected, window)


# The last whole minute before T0: metrics are aligned to their step, and samples must not depend on T0.
T0_STEP = T0 - T0 % (60 * SECOND)


def _load(block: list[str]) -> Iterator[Span]:
    trace = 0
    above: list[tuple[int, Span]] = []
    for line in block:
        indent = len(line) - len(line.lstrip())
        text = line.strip()
        while above and above[-1][0] >= indent:
            yield above.pop()[1]
        if text.startswith("trace "):
            trace = int(text.removeprefix("trace "))
        elif text.startswith("event "):
            _event(above[-1][1], text.removeprefix("event "))
        elif text.startswith("link "):
            _link(above[-1][1], text.removeprefix("link "))
        else:
            above.append((indent, _span(trace, text, above[-1][1] if above else None)))
    while above:
        yield above.pop()[1]


def _span(trace: int, text: str, parent: Span | None) -> Span:
    match = _SPAN.fullmatch(text)
    assert match, f"expected: number, quoted name, key=value ...; found {text!r}"
    pairs = _pairs(match.group(3))
    made = span(
        trace,
        int(match.group(1)),
        name=json.loads(match.group(2)),
        service=str(_value(pairs.pop("service", '"shop"'))),
        kind=Kind[pairs.pop("kind", "internal").upper()],
        status=Status[pairs.pop("status", "unset").upper()],
        message=str(_value(pairs.pop("message", '""'))),
        scope=Scope(str(_value(pairs.pop("scope", '""'))), str(_value(pairs.pop("version", '""')))),
    )
    made.parent_span_id = parent.span_id if parent else b""
    if "parent" in pairs:
        made.parent_span_id = span_id(int(pairs.pop("parent")))
    base = T0_STEP if pairs.pop("from", "") == "minute" else T0
    made.start_ns = parent.start_ns if parent else base
    if "at" in pairs:
        made.start_ns = base + parse_duration(pairs.pop("at"))
    made.end_ns = made.start_ns + parse_duration(pairs.pop("for", "1s"))
    for key, raw in pairs.items():
        scope, _, name = key.partition(".")
        place = {
            "span": made.attributes,
            "resource": made.resource.attributes,
            "instrumentation": made.scope.attributes,
        }[scope]
        place[name] = _value(raw)
    return made


def _event(owner: Span, text: str) -> None:
    match = re.fullmatch(r'("(?:[^"\\]|\\.)*")(.*)', text)
    assert match, text
    pairs = _pairs(match.group(2))
    at = owner.start_ns + parse_duration(pairs.pop("at", "0s"))
    owner.events.append(
        Event(at, json.loads(match.group(1)), {key: _value(raw) for key, raw in pairs.items()})
    )


def _link(owner: Span, text: str) -> None:
    target, _, rest = text.partition(" ")
    trace, _, number = target.partition(":")
    attributes = {key: _value(raw) for key, raw in _pairs(rest).items()}
    owner.links.append(Link(trace_id(int(trace)), span_id(int(number)), attributes=attributes))


def _pairs(text: str) -> dict[str, str]:
    assert not _PAIR.sub("", text).strip(), f"expected key=value ...; found {text!r}"
    return dict(_PAIR.findall(text))


def _value(raw: str) -> Value:
    value = json.loads(raw)
    return tuple(value) if isinstance(value, list) else value

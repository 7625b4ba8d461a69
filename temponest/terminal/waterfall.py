"""A trace as a tree beside its time line."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from temponest.client.trace import Span, Trace

from .trimmed import Trimmed

# Told apart by people who do not tell red from green, on dark and light; red is kept for errors.
COLOURS = ("cyan", "yellow", "magenta", "blue", "green", "bright_black")
DURATION_WIDTH = len("999.9 ms")
EIGHTHS = " ▏▎▍▌▋▊▉█"


def duration(nanoseconds: float) -> str:
    """A time span as people write it: `870 ns`, `12.3 µs`, `4.56 ms`, `1.20 s`."""
    for limit, divisor, unit in ((1e3, 1, "ns"), (1e6, 1e3, "µs"), (1e9, 1e6, "ms")):
        if nanoseconds < limit:
            digits = 0 if divisor == 1 else 2 if nanoseconds / divisor < 10 else 1
            return f"{nanoseconds / divisor:.{digits}f} {unit}"
    return f"{nanoseconds / 1e9:.2f} s"


def whole_milliseconds(milliseconds: int) -> str:
    """A time span of which only whole milliseconds are known: `<1 ms`, `43 ms`, `1.20 s`."""
    if milliseconds >= 1000:
        return duration(milliseconds * 1e6)
    return f"{milliseconds} ms" if milliseconds else "<1 ms"


def waterfall(trace: Trace, trace_id: str, width: int = 80) -> RenderableType:
    """A header line, then one line a span: tree, bar on the trace's time line, duration.

    A span's service is named where it differs from its parent's.

    Args:
        trace: the trace, with at least one span.
        trace_id: its id, for the header.
        width: columns of the terminal; the bars take a quarter of them.
    """
    bar_width = max(10, min(60, width // 4))
    colours = _colours(trace)
    table = Table.grid(padding=(0, 1), pad_edge=False)
    # One column of space behind each of the first two.
    table.add_column(no_wrap=True, overflow="ellipsis", max_width=width - bar_width - DURATION_WIDTH - 2)
    table.add_column(no_wrap=True, width=bar_width)
    table.add_column(no_wrap=True, width=DURATION_WIDTH, justify="right")
    services = {span.span_id: span.service for span in trace.spans}
    for span, lead in _lines(trace):
        colour = colours[span.service]
        service = "" if services.get(span.parent_id) == span.service else f"{span.service} "
        label = Text.assemble((lead, "dim"), (service, colour), span.name, (_peer(span), "dim"))
        if span.status == "error":
            label.append(f"  ✗ {_one_line(_failure(span))}", "bold red")
        table.add_row(
            label,
            _bar(span, trace, bar_width, "red" if span.status == "error" else colour),
            duration(span.duration_ns),
        )
    return Trimmed(Group(heading(trace, trace_id, width), table))


def heading(trace: Trace, trace_id: str, width: int | None = None) -> Text:
    """The trace's id, how many spans it has over which services, and how long it took.

    Args:
        trace: with at least one span.
        trace_id: its id.
        width: columns of the terminal: a heading that is longer has a second line for all but the id. None
            keeps it on one line.
    """
    total = duration(trace.end_ns - trace.start_ns)
    count = f"{len(trace.spans)} span{'s' if len(trace.spans) != 1 else ''}"
    names = _names(trace.services, _colours(trace))
    title = Text.assemble(("Trace ", "bold"), trace_id)
    said = Text.assemble(f"{count} over ", *names, f" in {total}")
    between = "  " if width is None or title.cell_len + 2 + said.cell_len <= width else "\n"
    return Text.assemble(title, between, said)


def _colours(trace: Trace) -> dict[str, str]:
    return {name: COLOURS[index % len(COLOURS)] for index, name in enumerate(trace.services)}


def _peer(span: Span) -> str:
    """What a client span speaks to, since a name like `GET` does not tell."""
    peer = span.attributes.get("db.system.name") or span.attributes.get("server.address")
    return f"  {peer}" if span.kind == "client" and peer else ""


def _failure(span: Span) -> str:
    """What a failed span says of itself: its status, else its exception, else the kind of error."""
    if span.status_message:
        return span.status_message
    kind = span.attributes.get("error.type")
    for event in reversed(span.events):
        if event.name == "exception":
            kind = event.attributes.get("exception.type") or kind
            message = event.attributes.get("exception.message")
            return f"{kind}: {message}" if message else f"{kind}"
    return f"{kind or 'error'}"


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _names(services: list[str], colours: dict[str, str]) -> Iterator[tuple[str, str]]:
    for index, name in enumerate(services):
        yield (", " if index else "", "")
        yield (name, colours[name])


def _lines(trace: Trace) -> Iterator[tuple[Span, str]]:
    """Each span with the branches drawn before it."""
    stack = [(span, "", "") for span in reversed(trace.roots)]
    while stack:
        span, lead, below = stack.pop()
        yield span, lead
        for index, child in enumerate(reversed(span.children)):
            last = index == 0
            stack.append((child, below + ("└ " if last else "├ "), below + ("  " if last else "│ ")))


def _bar(span: Span, trace: Trace, width: int, colour: str) -> Text:
    whole = max(1, trace.end_ns - trace.start_ns)
    begin = width * (span.start_ns - trace.start_ns) / whole
    size = width * span.duration_ns / whole
    offset = min(int(begin), width - 1)
    # Half an eighth at least, so that the shortest span can be seen.
    eighths = max(1, min(round(size * 8), (width - offset) * 8))
    full, rest = divmod(eighths, 8)
    return Text(" " * offset + EIGHTHS[8] * full + (EIGHTHS[rest] if rest else ""), colour)

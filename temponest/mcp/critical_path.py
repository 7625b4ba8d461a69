"""Which spans a trace waited for: shortening any other one would not have made it faster."""

from __future__ import annotations

from dataclasses import dataclass

from temponest.client.trace import Span, Trace


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a span during which nothing else could be waited for; nanoseconds since the epoch."""

    span: Span
    start_ns: int
    end_ns: int

    @property
    def duration_ns(self) -> int:
        """Its length."""
        return self.end_ns - self.start_ns


def critical_path(trace: Trace) -> list[Section]:
    """Sections that together cover the longest root, by time.

    From the end backwards: the child that ended last is what its parent waited for; before that child began,
    the one that had ended last by then; in between, the parent itself.
    """
    root = max(trace.roots, key=lambda span: span.duration_ns)
    sections: list[Section] = []
    # Work to do, last first: (span, moment up to which it is on the path).
    stack = [(root, root.end_ns)]
    while stack:
        span, until = stack.pop()
        until = min(until, span.end_ns)
        # A child that ends after its parent, in the background, was not waited for beyond that.
        before = [child for child in span.children if child.start_ns < until and child.end_ns > span.start_ns]
        if not before:
            if until > span.start_ns:
                sections.append(Section(span, span.start_ns, until))
            continue
        last = max(before, key=lambda child: (min(child.end_ns, until), child.start_ns))
        ended = min(last.end_ns, until)
        if until > ended:
            sections.append(Section(span, ended, until))
        # What the span did before that child comes first in time, so it is worked on after the child.
        stack.append((span, last.start_ns))
        stack.append((last, ended))
    return sorted(sections, key=lambda section: section.start_ns)

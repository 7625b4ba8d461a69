"""One trace as queries see it: its spans, and, when asked for, its root and its tree.

Parents may be missing, given twice or form a circle; every question has an answer all the same.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from ..model.span import Span


@dataclass(frozen=True, slots=True)
class NestedSet:
    """Numbers of a walk down the tree: a span encloses those whose `left` lies inside its own pair.

    `parent` is the parent's `left`, -1 for a root; spans that hang on no root have 0 everywhere.
    """

    left: list[int]
    right: list[int]
    parent: list[int]


class Trace:
    """The spans of one trace in the order of the store; other modules speak of spans by index."""

    def __init__(self, trace_id: bytes, spans: list[Span]) -> None:
        self.trace_id = trace_id
        self.spans = spans

    @cached_property
    def start_ns(self) -> int:
        """Earliest start of any span."""
        return min((span.start_ns for span in self.spans), default=0)

    @cached_property
    def end_ns(self) -> int:
        """Latest end of any span."""
        return max((span.end_ns for span in self.spans), default=0)

    @property
    def duration_ns(self) -> int:
        """From the earliest start to the latest end."""
        return max(0, self.end_ns - self.start_ns)

    @cached_property
    def root(self) -> Span | None:
        """The first span without a parent, if it has arrived."""
        roots = [span for span in self.spans if not span.parent_span_id]
        return min(roots, key=lambda span: span.start_ns, default=None)

    @cached_property
    def parents(self) -> list[int]:
        """Index of each span's parent, -1 where it has none in this trace."""
        by_id: dict[bytes, list[int]] = {}
        for index, span in enumerate(self.spans):
            by_id.setdefault(span.span_id, []).append(index)
        parents = []
        for index, span in enumerate(self.spans):
            # Zipkin's server spans share their client's id: a span is never its own parent.
            candidates = by_id.get(span.parent_span_id, ()) if span.parent_span_id else ()
            parents.append(next((one for one in candidates if one != index), -1))
        return parents

    @cached_property
    def children(self) -> list[list[int]]:
        """Indices of each span's children, in the order of the spans."""
        children: list[list[int]] = [[] for _ in self.spans]
        for index, parent in enumerate(self.parents):
            if parent >= 0:
                children[parent].append(index)
        return children

    @cached_property
    def nested_set(self) -> NestedSet:
        """The nested-set numbers of every span."""
        count = len(self.spans)
        numbers = NestedSet([0] * count, [0] * count, [0] * count)
        clock = 1
        for root, span in enumerate(self.spans):
            if span.parent_span_id or numbers.left[root]:
                continue
            numbers.parent[root] = -1
            stack = [(root, False)]
            while stack:
                index, leaving = stack.pop()
                if leaving:
                    numbers.right[index] = clock
                    clock += 1
                elif not numbers.left[index]:
                    numbers.left[index] = clock
                    clock += 1
                    stack.append((index, True))
                    for child in reversed(self.children[index]):
                        numbers.parent[child] = numbers.left[index]
                        stack.append((child, False))
        return numbers

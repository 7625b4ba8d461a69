"""Two traces side by side: what was added, removed, slower or faster.

Spans are matched by their path of service and name. What only one trace has is matched by service and name
elsewhere in the other one, so that a layer put in between does not recolour everything beneath it. The pages
compare by the same rule (`web/src/model/diff.ts`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from .trace import Trace

Change: TypeAlias = Literal["same", "slower", "faster", "added", "removed"]
Key: TypeAlias = tuple[str, str]

# Durations count as equal within 1 ms plus a fifth: less is what two runs of the same request differ by.
SLACK_NS = 1_000_000
SLACK_SHARE = 0.2


@dataclass(frozen=True, slots=True)
class Line:
    """The spans of one path, in either trace or both.

    Attributes:
        service: name of the service.
        name: of the spans.
        depth: how many lines are above it in the tree.
        change: what happened from A to B.
        count_a, count_b: how many spans.
        total_a_ns, total_b_ns: nanoseconds of all of them together.
    """

    service: str
    name: str
    depth: int
    change: Change
    count_a: int
    count_b: int
    total_a_ns: int
    total_b_ns: int


@dataclass(eq=False, slots=True)
class _Node:
    key: Key
    depth: int
    start_ns: int
    counts: list[int] = field(default_factory=lambda: [0, 0])
    totals: list[int] = field(default_factory=lambda: [0, 0])
    children: dict[Key, _Node] = field(default_factory=dict)

    def sorted(self) -> list[_Node]:
        return sorted(self.children.values(), key=lambda child: child.start_ns)

    def walk(self) -> Iterator[tuple[_Node, _Node]]:
        """Every node below, with the one above it."""
        stack = [self]
        while stack:
            top = stack.pop()
            for child in top.children.values():
                yield top, child
                stack.append(child)

    def contains(self, other: _Node) -> bool:
        return any(child is other for _, child in self.walk())

    def give_a(self, other: _Node) -> None:
        """Hand A's spans to a node that has B's, and so below as far as both have the same children."""
        stack = [(self, other)]
        while stack:
            giver, taker = stack.pop()
            taker.counts[0] += giver.counts[0]
            taker.totals[0] += giver.totals[0]
            giver.counts[0] = giver.totals[0] = 0
            stack += [
                (child, taker.children[key]) for key, child in giver.children.items() if key in taker.children
            ]


def compare(a: Trace, b: Trace) -> list[Line]:
    """The merged tree of two traces, parents before children, siblings by their start."""
    root = _Node(("", ""), -1, 0)
    for side, trace in enumerate((a, b)):
        _grow(root, trace, side)
    _rescue(root)
    lines = []
    stack = list(reversed(root.sorted()))
    while stack:
        node = stack.pop()
        if any(node.counts):
            lines.append(_line(node))
        stack.extend(reversed(node.sorted()))
    return lines


def _grow(root: _Node, trace: Trace, side: int) -> None:
    nodes: dict[str, _Node] = {}
    begin = trace.start_ns
    for span in trace.walk():
        parent = nodes.get(span.parent_id, root) if span.depth else root
        key = (span.service, span.name)
        node = parent.children.get(key)
        if node is None:
            node = parent.children[key] = _Node(key, parent.depth + 1, span.start_ns - begin)
        node.counts[side] += 1
        node.totals[side] += span.duration_ns
        nodes[span.span_id] = node


def _rescue(root: _Node) -> None:
    """Match what only A has with what only B has by service and name, wherever it is."""
    only: tuple[dict[Key, _Node], dict[Key, _Node]] = ({}, {})
    for _, node in root.walk():
        if 0 in node.counts and any(node.counts):
            only[node.counts[0] == 0].setdefault(node.key, node)
    for key, giver in only[0].items():
        taker = only[1].get(key)
        if taker is not None and not giver.contains(taker) and not taker.contains(giver):
            giver.give_a(taker)


def _line(node: _Node) -> Line:
    (count_a, count_b), (total_a, total_b) = node.counts, node.totals
    change = _change(count_a, count_b, total_a, total_b)
    return Line(*node.key, node.depth, change, count_a, count_b, total_a, total_b)


def _change(count_a: int, count_b: int, total_a: int, total_b: int) -> Change:
    if not count_a:
        return "added"
    if not count_b:
        return "removed"
    if abs(total_a - total_b) <= SLACK_NS + SLACK_SHARE * max(total_a, total_b):
        return "same"
    return "slower" if total_b > total_a else "faster"

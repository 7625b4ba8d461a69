"""Operators between two sets of spans of one trace: logic, and who is whose parent, ancestor or sibling.

A structural operator keeps spans of its right side: with `!` those that lack the relation, with `&` also the
spans of the left side that take part in it. No span is its own relative.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from .trace import Trace

Selector: TypeAlias = Callable[[Trace, list[int]], list[int]]
Relation: TypeAlias = Callable[[Trace, set[int], list[int]], set[int]]


def operation(operator: str, left: Selector, right: Selector) -> Selector:
    """The selector of `left operator right`."""
    if operator == "&&":
        return lambda trace, spans: _and(left(trace, spans), right(trace, spans))
    if operator == "||":
        return lambda trace, spans: sorted({*left(trace, spans), *right(trace, spans)})
    relation, inverse = _RELATIONS[operator.lstrip("!&")]

    def run(trace: Trace, spans: list[int]) -> list[int]:
        ours, theirs = left(trace, spans), right(trace, spans)
        if operator.startswith("!"):
            related = relation(trace, set(ours), theirs)
            return [index for index in theirs if index not in related]
        if not ours or not theirs:
            return []
        related = relation(trace, set(ours), theirs)
        if operator.startswith("&"):
            related |= inverse(trace, set(theirs), ours)
        return sorted(related)

    return run


def _and(left: list[int], right: list[int]) -> list[int]:
    return sorted({*left, *right}) if left and right else []


def _children(trace: Trace, of: set[int], among: list[int]) -> set[int]:
    parents = trace.parents
    return {index for index in among if parents[index] in of}


def _parents(trace: Trace, of: set[int], among: list[int]) -> set[int]:
    parents = {trace.parents[index] for index in of}
    return parents.intersection(among)


def _descendants(trace: Trace, of: set[int], among: list[int]) -> set[int]:
    below: set[int] = set()
    todo = [child for index in of for child in trace.children[index]]
    while todo:
        index = todo.pop()
        if index not in below:
            below.add(index)
            todo.extend(trace.children[index])
    return below.intersection(among)


def _ancestors(trace: Trace, of: set[int], among: list[int]) -> set[int]:
    above: set[int] = set()
    for index in of:
        parent = trace.parents[index]
        while parent >= 0 and parent not in above:
            above.add(parent)
            parent = trace.parents[parent]
    return above.intersection(among)


def _siblings(trace: Trace, of: set[int], among: list[int]) -> set[int]:
    counts: dict[int, int] = {}
    for index in of:
        parent = trace.parents[index]
        if parent >= 0:
            counts[parent] = counts.get(parent, 0) + 1
    return {index for index in among if counts.get(trace.parents[index], 0) > (1 if index in of else 0)}


_RELATIONS: dict[str, tuple[Relation, Relation]] = {
    ">": (_children, _parents),
    "<": (_parents, _children),
    ">>": (_descendants, _ancestors),
    "<<": (_ancestors, _descendants),
    "~": (_siblings, _siblings),
}

"""Traces drawn as indented lines, and what the comparison says of each."""

from __future__ import annotations

import pytest

from temponest.client.difference import compare
from temponest.client.trace import Span, Trace

MS = 1_000_000


def trace(drawn: str) -> Trace:
    """`service name milliseconds` a line, children indented by two blanks."""
    spans: list[Span] = []
    above: list[Span] = []
    for number, line in enumerate(filter(None, map(str.rstrip, drawn.split("/")))):
        depth = (len(line) - len(line.lstrip())) // 2
        service, name, took = line.split()
        del above[depth:]
        parent = above[-1].span_id if above else ""
        span = Span(
            f"{number}", parent, name, service, "internal", "unset", "", number, number + int(took) * MS, {}
        )
        span.depth = depth
        if above:
            above[-1].children.append(span)
        above.append(span)
        spans.append(span)
    return Trace(spans, [span for span in spans if not span.depth])


def said(a: str, b: str) -> list[str]:
    return [f"{'  ' * one.depth}{one.service} {one.name} {one.change}" for one in compare(trace(a), trace(b))]


CASES = {
    "the same": ("a x 10/  a y 5", "a x 11/  a y 5", ["a x same", "  a y same"]),
    "slower, beyond a fifth and a millisecond": (
        "a x 10/  b y 1",
        "a x 20/  b y 2",
        ["a x slower", "  b y same"],
    ),
    "faster": ("a x 20", "a x 10", ["a x faster"]),
    "added": ("a x 10", "a x 10/  b y 3", ["a x same", "  b y added"]),
    "removed with what is below": (
        "a x 10/  b y 3/    b z 1",
        "a x 10",
        ["a x same", "  b y removed", "    b z removed"],
    ),
    "repeated calls count together": (
        "a x 10/  b y 1",
        "a x 10/  b y 3/  b y 3/  b y 3",
        ["a x same", "  b y slower"],
    ),
    "a layer put in between recolours nothing beneath it": (
        "a x 10/  b y 5/    b z 2",
        "a x 10/  a cache 6/    b y 5/      b z 2",
        ["a x same", "  a cache added", "    b y same", "      b z same"],
    ),
    "another service of the same name is another span": (
        "a x 10/  b y 5",
        "a x 10/  c y 5",
        ["a x same", "  b y removed", "  c y added"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_spans_are_matched_by_their_path(case: str) -> None:
    a, b, expected = CASES[case]
    assert said(a, b) == expected


def test_counts_and_sums_are_of_all_spans_of_the_path() -> None:
    line = compare(trace("a x 10/  b y 1"), trace("a x 10/  b y 3/  b y 4"))[1]
    assert (line.count_a, line.count_b, line.total_a_ns, line.total_b_ns) == (1, 2, MS, 7 * MS)

"""Functions that change or sort by labels."""

from __future__ import annotations

import re

from ...model.regex import check_pattern, compiled
from ..check import anchored
from ..errors import ExecutionError
from ..values import Labels, Vector, merged
from .call import Call, Function

_REFERENCE = re.compile(r"\$(?:(\d+|\w+)|\{(\w+)\})")


def _replace(call: Call) -> Vector:
    target, replacement, source, pattern = (call.text(index) for index in range(1, 5))
    _check_name("label_replace", target)
    if check_pattern(anchored(pattern)):
        raise ExecutionError(f"invalid regular expression in label_replace(): {pattern}")
    vector = call.vector()
    changed = [_replaced(labels, target, replacement, source, anchored(pattern)) for labels in vector.labels]
    return merged(vector.relabelled(changed), "label_replace")


def _replaced(labels: Labels, target: str, replacement: str, source: str, pattern: str) -> Labels:
    expression = compiled(pattern)
    match = expression.fullmatch(labels.get(source, "").encode("utf-8", "surrogatepass"))
    if match is None:
        return labels
    found = [(match.group(index) or b"").decode("utf-8", "replace") for index in range(expression.groups + 1)]
    groups = {str(index): text for index, text in enumerate(found)}
    groups |= {name.decode(): found[index] for name, index in expression.groupindex.items()}
    return _with(labels, target, _REFERENCE.sub(lambda one: groups.get(one[1] or one[2], ""), replacement))


def _check_name(function: str, name: str) -> None:
    # Bytes that are no UTF-8 come as lone surrogates.
    if not name or any("\udc80" <= one <= "\udcff" for one in name):
        raise ExecutionError(f"invalid destination label name in {function}(): {name!a}")


def _join(call: Call) -> Vector:
    target, separator = call.text(1), call.text(2)
    sources = [call.text(index) for index in range(3, len(call.arguments))]
    _check_name("label_join", target)
    vector = call.vector()
    changed = [
        _with(labels, target, separator.join(labels.get(source, "") for source in sources))
        for labels in vector.labels
    ]
    return merged(vector.relabelled(changed), "label_join")


def _with(labels: Labels, name: str, value: str) -> Labels:
    rest = {key: text for key, text in labels.items() if key != name}
    return {**rest, name: value} if value else rest


def natural(text: str) -> list[tuple[int, int | str]]:
    """A key that sorts numbers inside text by their value."""
    parts = re.split(r"(\d+)", text)
    return [(0, int(part)) if part.isdigit() else (1, part) for part in parts if part]


def _sorted_by_label(*, descending: bool) -> Function:
    def apply(call: Call) -> Vector:
        vector = call.vector()
        names = [call.text(index) for index in range(1, len(call.arguments))]

        def order(row: int) -> tuple[list[list[tuple[int, int | str]]], list[tuple[str, str]]]:
            labels = vector.labels[row]
            return [natural(labels.get(name, "")) for name in names], sorted(labels.items())

        rows = sorted(range(len(vector.labels)), key=order, reverse=descending)
        return vector.rows(rows)

    return apply


FUNCTIONS: dict[str, Function] = {
    "label_replace": _replace,
    "label_join": _join,
    "sort_by_label": _sorted_by_label(descending=False),
    "sort_by_label_desc": _sorted_by_label(descending=True),
}

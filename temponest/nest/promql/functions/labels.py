"""Functions that change or sort by labels."""

from __future__ import annotations

import re

import re2

from ..values import Labels, QueryError, Vector, merged
from .call import Call, Function

_LABEL = re.compile(r"[^\0]+")
_REFERENCE = re.compile(r"\$(?:(\d+|\w+)|\{(\w+)\})")


def _replace(call: Call) -> Vector:
    target, replacement, source, pattern = (call.text(index) for index in range(1, 5))
    if not _LABEL.fullmatch(target):
        raise QueryError(f"label_replace: {target!r} is no label name")
    try:
        options = re2.Options()
        options.log_errors = False
        compiled = re2.compile(f"^(?s:{pattern})$", options)
    except re2.error:
        raise QueryError(f"label_replace: {pattern!r} is no regular expression") from None
    vector = call.vector()
    changed = []
    for labels in vector.labels:
        match = compiled.fullmatch(labels.get(source, ""))
        if match is None:
            changed.append(labels)
            continue
        groups = {str(index): match.group(index) or "" for index in range(compiled.groups + 1)}
        groups |= {name: groups[str(index)] for name, index in compiled.groupindex.items()}
        text = _REFERENCE.sub(lambda found, known=groups: known.get(found[1] or found[2], ""), replacement)  # type: ignore[misc]  # mypy does not infer lambdas with defaults
        changed.append(_with(labels, target, text))
    return merged(Vector(changed, vector.values.copy(), vector.present.copy()), "label_replace")


def _join(call: Call) -> Vector:
    target, separator = call.text(1), call.text(2)
    sources = [call.text(index) for index in range(3, len(call.arguments))]
    if not _LABEL.fullmatch(target):
        raise QueryError(f"label_join: {target!r} is no label name")
    vector = call.vector()
    changed = [
        _with(labels, target, separator.join(labels.get(source, "") for source in sources))
        for labels in vector.labels
    ]
    return merged(Vector(changed, vector.values.copy(), vector.present.copy()), "label_join")


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
        return Vector([vector.labels[row] for row in rows], vector.values[rows], vector.present[rows])

    return apply


FUNCTIONS: dict[str, Function] = {
    "label_replace": _replace,
    "label_join": _join,
    "sort_by_label": _sorted_by_label(descending=False),
    "sort_by_label_desc": _sorted_by_label(descending=True),
}

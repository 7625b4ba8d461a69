"""Operators between samples of which one at least is a native histogram."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..model.series import Histogram
from .annotations import Annotations
from .messages import COLLISION, RECONCILED
from .native import arithmetic
from .native.arithmetic import MixedBucketsError
from .native.trim import trimmed
from .tree import Binary
from .values import Floats, Histograms, Mask
from .values import native as has_histogram

TRIMS = frozenset({"</", ">/"})
Numbers = Callable[[Floats, Floats], tuple[Floats, Mask]]


def combined(
    node: Binary,
    left: tuple[Floats, Histograms | None],
    right: tuple[Floats, Histograms | None],
    present: Mask,
    numbers: Numbers | None,
    notes: Annotations,
) -> tuple[Floats, Histograms, Mask, Mask]:
    """Values, histograms, where a result is kept (a comparison holds), and where there is one at all.

    Args:
        node: the operator and where it stands.
        left: numbers and histograms.
        right: as well.
        present: where both sides have a sample.
        numbers: the operator between numbers; None where it has no meaning there.
        notes: takes annotations.
    """
    shape = present.shape
    first, second = (_grid(one[1], shape) for one in (left, right))
    found: Histograms = np.full(shape, None, dtype=object)
    native = has_histogram(first) | has_histogram(second)
    if numbers is None:
        if (present & ~native).any():
            _incompatible(node, None, None, notes)
        values, keep = np.zeros(shape), np.zeros(shape, dtype=bool)
    else:
        values, keep = numbers(left[0], right[0])
        values, keep = values.copy(), keep & ~native
    answered = ~native if numbers is not None else np.zeros(shape, dtype=bool)
    for place in map(tuple, np.argwhere(native & present)):
        one, two = first[place], second[place]
        answer = _pair(node, one, float(left[0][place]), two, float(right[0][place]), notes)
        if answer is not None:
            found[place], keep[place] = answer
            answered[place] = True
    return values, found, keep, answered


def _grid(histograms: Histograms | None, shape: tuple[int, ...]) -> Histograms:
    return np.full(shape, None, dtype=object) if histograms is None else histograms


def _pair(
    node: Binary,
    left: Histogram | None,
    left_number: float,
    right: Histogram | None,
    right_number: float,
    notes: Annotations,
) -> tuple[Histogram, bool] | None:
    """The result and whether it is kept; None where there is none."""
    operator = node.operator
    if left is not None and right is not None:
        if operator in {"+", "-"}:
            return _sum(node, left, right, notes)
        if operator in {"==", "!="}:
            return left, arithmetic.equal(left, right) == (operator == "==")
    elif right is not None and operator == "*":
        return arithmetic.compact(arithmetic.scaled(right, left_number)), True
    elif left is not None:
        if operator == "*":
            return arithmetic.compact(arithmetic.scaled(left, right_number)), True
        if operator == "/":
            return arithmetic.compact(arithmetic.divided(left, right_number)), True
        if operator in TRIMS:
            return trimmed(left, right_number, upper=operator == "</"), True
    _incompatible(node, left, right, notes)
    return None


def _sum(
    node: Binary, left: Histogram, right: Histogram, notes: Annotations
) -> tuple[Histogram, bool] | None:
    adds = node.operator == "+"
    try:
        found = arithmetic.added([left, right]) if adds else arithmetic.subtracted(left, right)
    except MixedBucketsError:
        notes.warn(f"incompatible bucket layout encountered for binary operator {node.operator}", node)
        return None
    operation = "addition" if adds else "subtraction"
    if found.collision:
        notes.warn(f"{COLLISION} {operation}", node)
    if found.reconciled:
        notes.info(f"{RECONCILED} {operation}", node)
    return (found.histogram if adds else arithmetic.hinted(found.histogram, "gauge")), True


def _incompatible(node: Binary, left: Histogram | None, right: Histogram | None, notes: Annotations) -> None:
    names = ["float" if one is None else "histogram" for one in (left, right)]
    notes.info(
        "incompatible sample types encountered for binary operator"
        f' "{node.operator}": {names[0]} {node.operator} {names[1]}',
        node,
    )

"""Operators between vectors and scalars: arithmetic, comparison, and sets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from .annotations import Annotations
from .errors import ExecutionError
from .pairs import TRIMS, combined
from .tree import Binary, Matching
from .values import (
    NAME,
    Floats,
    Histograms,
    Labels,
    Mask,
    Scalar,
    Vector,
    empty,
    key,
    merged,
    native,
    shown,
    stack,
    without_name,
)

Operation: TypeAlias = Callable[[Floats, Floats], Floats]


def _modulo(left: Floats, right: Floats) -> Floats:
    result: Floats = np.fmod(left, right)
    return result


# How vectors match where nothing is said of it.
PLAIN = Matching()
ARITHMETIC: dict[str, Operation] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
    "%": _modulo,
    "^": np.power,
    "atan2": np.arctan2,
}
COMPARISON: dict[str, Callable[[Floats, Floats], Mask]] = {
    "==": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}


def signature(matching: Matching, labels: Labels) -> tuple[tuple[str, str], ...]:
    """What has to be equal on both sides."""
    return key(_matched_labels(matching, labels))


def _matched_labels(matching: Matching, labels: Labels) -> Labels:
    if matching.on:
        return {name: labels.get(name, "") for name in matching.labels}
    dropped = {*matching.labels, NAME}
    return {name: value for name, value in labels.items() if name not in dropped}


def scalars(operator: str, left: Scalar, right: Scalar) -> Scalar:
    """An operator between two scalars; comparisons give 1 or 0."""
    if operator in COMPARISON:
        return Scalar(COMPARISON[operator](left.values, right.values).astype(np.float64))
    return Scalar(ARITHMETIC[operator](left.values, right.values))


def with_scalar(node: Binary, vector: Vector, scalar: Scalar, notes: Annotations, *, swapped: bool) -> Vector:
    """An operator between a vector and a scalar; `swapped` where the scalar stands on the left."""
    number = np.broadcast_to(scalar.values, vector.values.shape)
    this, other = (vector.values, vector.histograms), (number, None)
    left, right = (other, this) if swapped else (this, other)
    values, histograms, keep, answered = _operated(node, left, right, vector.present, notes)
    if node.operator in COMPARISON and not node.as_bool:
        # What passes keeps the value of the vector, whatever side it stands on.
        return Vector(vector.labels, vector.values, vector.present & keep, vector.histograms)
    present = vector.present & keep
    if node.as_bool:
        values, present, histograms = keep.astype(np.float64), vector.present & answered, None
    labels = vector.labels if node.operator in TRIMS else [without_name(one) for one in vector.labels]
    return merged(Vector(list(labels), values, present.copy(), histograms), f"operator {node.operator}")


def _operated(
    node: Binary,
    left: tuple[Floats, Histograms | None],
    right: tuple[Floats, Histograms | None],
    present: Mask,
    notes: Annotations,
) -> tuple[Floats, Histograms | None, Mask, Mask]:
    """Values, histograms, where a result is kept (a comparison holds), and where there is one at all."""
    operator, everywhere = node.operator, np.ones(present.shape, dtype=bool)
    if left[1] is not None or right[1] is not None or operator in TRIMS:
        return combined(node, left, right, present, _number_operation(operator), notes)
    if operator in COMPARISON:
        return left[0], None, COMPARISON[operator](left[0], right[0]), everywhere
    return ARITHMETIC[operator](left[0], right[0]), None, everywhere, everywhere


def _number_operation(operator: str) -> Callable[[Floats, Floats], tuple[Floats, Mask]] | None:
    """An operator on numbers alone: values, and where it holds."""
    if operator in COMPARISON:
        return lambda left, right: (left, COMPARISON[operator](left, right))
    if operator in ARITHMETIC:
        return lambda left, right: (ARITHMETIC[operator](left, right), np.ones(left.shape, dtype=bool))
    return None


def vectors(node: Binary, left: Vector, right: Vector, notes: Annotations) -> Vector:
    """An arithmetic or comparison operator between two vectors.

    Raises:
        ExecutionError: a series finds several of the other side, or two results have the same labels.
    """
    swapped = node.matching.many == "right"
    many, one = (right, left) if swapped else (left, right)
    result = _matched(node, many, one, notes, swapped=swapped)
    return merged(result, "multiple matches for labels: grouping labels must ensure unique matches")


def _matched(node: Binary, many: Vector, one: Vector, notes: Annotations, *, swapped: bool) -> Vector:
    """`many` drives: each of its series is combined with the one that has its signature."""
    matching, steps = node.matching, many.values.shape[1]
    # As in Prometheus, whose sides are those after many and one changed places.
    fill_one, fill_many = matching.fill_right, matching.fill_left
    # Where a side is empty nothing matches, so that nothing can match twice.
    filled = fill_one is not None or fill_many is not None
    relevant: Mask = np.ones(steps, dtype=bool) if filled else np.any(many.present, axis=0)
    partners = _unique(one, matching, "left" if swapped else "right", relevant)
    seen: dict[tuple[tuple[str, str], ...], Mask] = {}
    rows: list[_Row] = []
    for row, row_labels in enumerate(many.labels):
        name = signature(matching, row_labels)
        partner = partners.get(name)
        if partner is None and fill_one is None:
            continue
        this = _Side(row_labels, many.values[row], _row(many.histograms, row), many.present[row])
        there = this.present
        if partner is None:
            partner = _filled(_matched_labels(matching, row_labels), fill_one, steps)
        elif fill_one is not None:
            partner = _completed(partner, fill_one)
        else:
            there = there & partner.present
        before = seen.setdefault(name, np.zeros(steps, dtype=bool))
        if not matching.many and (before & there).any():
            raise ExecutionError(
                "multiple matches for labels: many-to-one matching must be explicit (group_left/group_right)"
            )
        before |= there
        rows.append(_combined_row(node, this, partner, there, notes, swapped=swapped))
    if fill_many is not None:
        for name, partner in partners.items():
            there = partner.present & ~seen.get(name, np.zeros(steps, dtype=bool))
            if there.any():
                this = _filled(_matched_labels(matching, partner.labels), fill_many, steps)
                rows.append(_combined_row(node, this, partner, there, notes, swapped=swapped))
    return stack(
        [row.labels for row in rows],
        [row.values for row in rows],
        [row.present for row in rows],
        steps,
        [row.histograms for row in rows],
    )


@dataclass(slots=True)
class _Side:
    """One series of an operand, or of the result."""

    labels: Labels
    values: Floats
    histograms: Histograms | None
    present: Mask


_Row: TypeAlias = _Side


def _row(histograms: Histograms | None, row: int) -> Histograms | None:
    if histograms is None or not native(histograms[row]).any():
        return None
    found: Histograms = histograms[row]
    return found


def _filled(labels: Labels, value: float | None, steps: int) -> _Side:
    return _Side(labels, np.full(steps, value, dtype=np.float64), None, np.ones(steps, dtype=bool))


def _completed(side: _Side, value: float) -> _Side:
    """A series with a value where it has none."""
    values = np.where(side.present, side.values, value)
    histograms = side.histograms
    if histograms is not None:
        histograms = histograms.copy()
        histograms[~side.present] = None
    return _Side(side.labels, values, histograms, np.ones(len(values), dtype=bool))


def _combined_row(
    node: Binary, many: _Side, one: _Side, there: Mask, notes: Annotations, *, swapped: bool
) -> _Row:
    left, right = (one, many) if swapped else (many, one)
    values, histograms, keep, answered = _operated(
        node, (left.values, left.histograms), (right.values, right.histograms), there, notes
    )
    if node.as_bool:
        values, histograms, keep = keep.astype(np.float64), None, answered
    drop_name = node.operator in ARITHMETIC or node.as_bool
    labels = _result_labels(many.labels, one.labels, node.matching, drop_name=drop_name)
    return _Side(labels, values, histograms, there & keep)


def _unique(
    vector: Vector, matching: Matching, side: str, relevant: Mask
) -> dict[tuple[tuple[str, str], ...], _Side]:
    """The one series of each signature; several may share it as long as they are never there together."""
    found: dict[tuple[tuple[str, str], ...], _Side] = {}
    for row, labels in enumerate(vector.labels):
        name = signature(matching, labels)
        known = found.get(name)
        histograms = _row(vector.histograms, row)
        if known is None:
            copy = None if histograms is None else histograms.copy()
            found[name] = _Side(labels, vector.values[row].copy(), copy, vector.present[row].copy())
            continue
        mask = vector.present[row]
        if (known.present & mask & relevant).any():
            pair = ", ".join(sorted((shown(known.labels), shown(labels))))
            raise ExecutionError(
                f"found duplicate series for the match group {shown(dict(name))} on the {side} hand-side"
                f" of the operation: [{pair}];many-to-many matching not allowed: matching labels must be"
                " unique on one side"
            )
        known.values[mask] = vector.values[row][mask]
        if histograms is not None:
            if known.histograms is None:
                known.histograms = np.full(len(mask), None, dtype=object)
            known.histograms[mask] = histograms[mask]
        known.present |= mask
    return found


def _result_labels(many: Labels, one: Labels, matching: Matching, *, drop_name: bool) -> Labels:
    result = without_name(many) if drop_name else dict(many)
    if not matching.many:
        if matching.on:
            result = {name: value for name, value in result.items() if name in matching.labels}
        else:
            result = {name: value for name, value in result.items() if name not in matching.labels}
    for name in matching.include:
        if one.get(name):
            result[name] = one[name]
        else:
            result.pop(name, None)
    return result


def sets(operator: str, left: Vector, right: Vector, matching: Matching) -> Vector:
    """`and`, `or`, `unless`: by presence of signatures at each time."""
    steps = left.values.shape[1]
    if operator == "or":
        there = _presence(left, matching, steps)
        kept = [
            right.present[row] & ~there[signature(matching, labels)]
            for row, labels in enumerate(right.labels)
        ]
        return _appended(left, right, kept)
    there = _presence(right, matching, steps)
    masks = [there[signature(matching, labels)] for labels in left.labels]
    if not masks:
        return empty(steps)
    mask = np.array(masks)
    mask = mask if operator == "and" else ~mask
    return Vector(left.labels, left.values, left.present & mask, left.histograms)


def _presence(vector: Vector, matching: Matching, steps: int) -> dict[tuple[tuple[str, str], ...], Mask]:
    there: dict[tuple[tuple[str, str], ...], Mask] = defaultdict(lambda: np.zeros(steps, dtype=bool))
    for row, labels in enumerate(vector.labels):
        name = signature(matching, labels)
        there[name] = there[name] | vector.present[row]
    return there


def _appended(left: Vector, right: Vector, kept: Sequence[Mask]) -> Vector:
    if not kept:
        return left
    histograms = None
    if left.histograms is not None or right.histograms is not None:
        histograms = np.concatenate(
            [
                np.full(one.present.shape, None, dtype=object) if one.histograms is None else one.histograms
                for one in (left, right)
            ]
        )
    both = Vector(
        [*left.labels, *right.labels],
        np.concatenate([left.values, right.values]),
        np.concatenate([left.present, np.array(kept)]),
        histograms,
    )
    return merged(both, "operator or")

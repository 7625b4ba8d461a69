"""Operators between vectors and scalars: arithmetic, comparison, and sets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from .values import (
    NAME,
    ExecutionError,
    Floats,
    Labels,
    Mask,
    Scalar,
    Vector,
    empty,
    key,
    merged,
    shown,
    stack,
)

Operation: TypeAlias = Callable[[Floats, Floats], Floats]


def _modulo(left: Floats, right: Floats) -> Floats:
    result: Floats = np.fmod(left, right)
    return result


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
SETS = frozenset({"and", "or", "unless"})


@dataclass(frozen=True, slots=True)
class Matching:
    """How the series of two vectors find each other.

    Attributes:
        on: True where `labels` are those that must agree, False where they are left out.
        labels: the labels of `on(...)` or `ignoring(...)`.
        many: "left" or "right" where that side may have several series to one of the other.
        include: labels that the many side takes over from the one.
    """

    on: bool = False
    labels: tuple[str, ...] = ()
    many: str = ""
    include: tuple[str, ...] = ()

    def signature(self, labels: Labels) -> tuple[tuple[str, str], ...]:
        """What has to be equal on both sides."""
        if self.on:
            return key({name: labels.get(name, "") for name in self.labels})
        dropped = {*self.labels, NAME}
        return key({name: value for name, value in labels.items() if name not in dropped})


def scalars(operator: str, left: Scalar, right: Scalar) -> Scalar:
    """An operator between two scalars; comparisons give 1 or 0."""
    if operator in COMPARISON:
        return Scalar(COMPARISON[operator](left.values, right.values).astype(np.float64))
    return Scalar(ARITHMETIC[operator](left.values, right.values))


def with_scalar(operator: str, vector: Vector, scalar: Scalar, *, swapped: bool, as_bool: bool) -> Vector:
    """An operator between a vector and a scalar; `swapped` where the scalar stands on the left."""
    number = np.broadcast_to(scalar.values, vector.values.shape)
    left, right = (number, vector.values) if swapped else (vector.values, number)
    if operator in COMPARISON:
        holds = COMPARISON[operator](left, right)
        if not as_bool:
            return Vector(vector.labels, vector.values, vector.present & holds)
        values: Floats = holds.astype(np.float64)
    else:
        values = ARITHMETIC[operator](left, right)
    return merged(Vector(_unnamed(vector.labels), values, vector.present.copy()), f"operator {operator}")


def vectors(operator: str, left: Vector, right: Vector, matching: Matching, *, as_bool: bool) -> Vector:
    """An arithmetic or comparison operator between two vectors.

    Raises:
        ExecutionError: a series finds several of the other side, or two results have the same labels.
    """
    if matching.many == "right":
        result = _matched(operator, right, left, matching, as_bool=as_bool, swapped=True)
    else:
        result = _matched(operator, left, right, matching, as_bool=as_bool, swapped=False)
    what = "many-to-many matching not allowed: matching labels must be unique on one side"
    return merged(result, what)


def _matched(
    operator: str, many: Vector, one: Vector, matching: Matching, *, as_bool: bool, swapped: bool
) -> Vector:
    """`many` drives: each of its series is combined with the one that has its signature."""
    steps = many.values.shape[1]
    partners = _unique(one, matching, "right" if not swapped else "left")
    seen: dict[tuple[tuple[str, str], ...], Mask] = {}
    labels: list[Labels] = []
    values: list[Floats] = []
    present: list[Mask] = []
    for row, row_labels in enumerate(many.labels):
        signature = matching.signature(row_labels)
        partner = partners.get(signature)
        if partner is None:
            continue
        partner_labels, partner_values, partner_present = partner
        both = many.present[row] & partner_present
        if not matching.many:
            before = seen.setdefault(signature, np.zeros(steps, dtype=bool))
            if (before & both).any():
                raise ExecutionError(
                    "multiple matches for labels: many-to-one matching must be explicit"
                    " (group_left/group_right)"
                )
            before |= both
        one_value, many_value = partner_values, many.values[row]
        first, second = (one_value, many_value) if swapped else (many_value, one_value)
        if operator in COMPARISON:
            holds = COMPARISON[operator](first, second)
            # A comparison that filters keeps the value of the left side.
            value = holds.astype(np.float64) if as_bool else first
            both = both if as_bool else both & holds
        else:
            value = ARITHMETIC[operator](first, second)
        drop_name = operator in ARITHMETIC or as_bool
        labels.append(_result_labels(row_labels, partner_labels, matching, drop_name=drop_name))
        values.append(value)
        present.append(both)
    return stack(labels, values, present, steps)


def _unique(
    vector: Vector, matching: Matching, side: str
) -> dict[tuple[tuple[str, str], ...], tuple[Labels, Floats, Mask]]:
    """The one series of each signature; several may share it as long as they are never there together."""
    found: dict[tuple[tuple[str, str], ...], tuple[Labels, Floats, Mask]] = {}
    for row, labels in enumerate(vector.labels):
        signature = matching.signature(labels)
        known = found.get(signature)
        if known is None:
            found[signature] = (labels, vector.values[row].copy(), vector.present[row].copy())
            continue
        _, values, present = known
        if (present & vector.present[row]).any():
            raise ExecutionError(
                f"found duplicate series for the match group {shown(dict(signature))} on the {side} hand-side"
                " of the operation; many-to-many matching not allowed: matching labels must be unique on one"
                " side"
            )
        values[vector.present[row]] = vector.values[row][vector.present[row]]
        present |= vector.present[row]
    return found


def _result_labels(many: Labels, one: Labels, matching: Matching, *, drop_name: bool) -> Labels:
    result = dict(many)
    if drop_name:
        result.pop(NAME, None)
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
            right.present[row] & ~there[matching.signature(labels)] for row, labels in enumerate(right.labels)
        ]
        return _appended(left, right, kept)
    there = _presence(right, matching, steps)
    masks = [there[matching.signature(labels)] for labels in left.labels]
    if not masks:
        return empty(steps)
    mask = np.array(masks)
    return Vector(left.labels, left.values, left.present & (mask if operator == "and" else ~mask))


def _presence(vector: Vector, matching: Matching, steps: int) -> dict[tuple[tuple[str, str], ...], Mask]:
    there: dict[tuple[tuple[str, str], ...], Mask] = defaultdict(lambda: np.zeros(steps, dtype=bool))
    for row, labels in enumerate(vector.labels):
        signature = matching.signature(labels)
        there[signature] = there[signature] | vector.present[row]
    return there


def _appended(left: Vector, right: Vector, kept: Sequence[Mask]) -> Vector:
    if not kept:
        return left
    return Vector(
        [*left.labels, *right.labels],
        np.concatenate([left.values, right.values]),
        np.concatenate([left.present, np.array(kept)]),
    )


def _unnamed(labels: Iterable[Labels]) -> list[Labels]:
    return [{name: value for name, value in one.items() if name != NAME} for one in labels]

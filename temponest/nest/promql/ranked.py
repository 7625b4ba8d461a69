"""Aggregations that answer with some of the series themselves: the largest, the smallest, any few."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from .annotations import Annotations
from .number import number
from .tree import Aggregation
from .values import Floats, Vector, key

Groups = Sequence[list[int]]


def ranked(vector: Vector, k: Floats, groups: Groups, *, highest: bool) -> Vector:
    """`topk` and `bottomk`: the series where they are among the k of their group."""
    present = np.zeros_like(vector.present)
    for rows in groups:
        index = np.array(rows)
        for step in range(vector.values.shape[1]):
            there = index[vector.present[index, step]]
            count = min(_whole(k[step]), len(there))
            if count < 1:
                continue
            order = vector.values[there, step]
            # NaN is the last choice of both.
            order = np.where(np.isnan(order), np.inf, -order if highest else order)
            present[there[np.argsort(order, kind="stable")[:count]], step] = True
    result = Vector(vector.labels, vector.values, present)
    return _by_value(result, groups, descending=highest) if vector.values.shape[1] == 1 else result


def _by_value(vector: Vector, groups: Groups, *, descending: bool) -> Vector:
    """The series of each group by their value, group by group."""
    rows: list[int] = []
    for group in groups:
        column = vector.values[group, 0]
        signed = np.where(np.isnan(column), np.inf, -column if descending else column)
        rows += [group[index] for index in np.argsort(signed, kind="stable")]
    return vector.rows(rows)


def limited(vector: Vector, k: Floats, groups: Groups) -> Vector:
    """`limitk`: some k series of each group, the same at every time as far as they are there."""
    present = np.zeros_like(vector.present)
    for rows in groups:
        order = sorted(rows, key=lambda row: key(vector.labels[row]))
        for step in range(vector.values.shape[1]):
            there = [row for row in order if vector.present[row, step]]
            present[there[: max(0, _whole(k[step]))], step] = True
    return Vector(vector.labels, vector.values, present, vector.histograms)


def limit_ratio(vector: Vector, ratio: Floats, node: Aggregation, notes: Annotations) -> Vector:
    """`limit_ratio`: about that share of the series, by their labels; a negative one chooses the others."""
    capped = np.clip(ratio, -1.0, 1.0)
    for asked, used in zip(ratio, capped, strict=True):
        if asked != used:
            notes.warn(
                f"ratio value should be between -1 and 1, got {number(float(asked))},"
                f" capping to {number(float(used))}",
                node.parameter or node.expression,
            )
            break
    offsets = np.array([_place(labels) for labels in vector.labels]).reshape(-1, 1)
    chosen = np.where(capped >= 0, offsets < capped, offsets >= 1.0 + capped)
    return Vector(vector.labels, vector.values, vector.present & chosen, vector.histograms)


def _place(labels: dict[str, str]) -> float:
    """Where a series stands between 0 and 1: the same in every query, with no regard to its value."""
    text = "\xff".join(part for pair in key(labels) for part in pair)
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


def _whole(k: float) -> int:
    return int(max(-1.0, min(k, 2.0**31)))

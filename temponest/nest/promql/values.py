"""What an expression evaluates to: numbers over a grid of times, all steps at once.

A grid has one time for an instant query and one a step for a range query, so there is one evaluator.
Presence is a mask beside the numbers, because NaN is a value like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Times: TypeAlias = NDArray[np.int64]
Mask: TypeAlias = NDArray[np.bool_]
Labels: TypeAlias = dict[str, str]

NAME = "__name__"


@dataclass(slots=True)
class Vector:
    """An instant vector at each of T times.

    Attributes:
        labels: of each of N series.
        values: shape (N, T); what stands where a series is absent means nothing.
        present: shape (N, T).
    """

    labels: list[Labels]
    values: Floats
    present: Mask


@dataclass(slots=True)
class Scalar:
    """A scalar at each of T times, shape (T,)."""

    values: Floats


@dataclass(slots=True)
class Text:
    """A string."""

    value: str


@dataclass(slots=True)
class Samples:
    """The samples of one series, in order of time, staleness markers left out."""

    labels: Labels
    times: Times
    values: Floats


@dataclass(slots=True)
class Matrix:
    """A range vector: samples of each series, and for each of T times the window (start, end] in ms."""

    series: list[Samples]
    starts: Times
    ends: Times


Value: TypeAlias = Vector | Scalar | Text | Matrix


def empty(steps: int) -> Vector:
    """A vector without series."""
    return Vector([], np.zeros((0, steps)), np.zeros((0, steps), dtype=bool))


def stack(labels: list[Labels], values: list[Floats], present: list[Mask], steps: int) -> Vector:
    """A vector of rows."""
    if not labels:
        return empty(steps)
    return Vector(labels, np.array(values, dtype=np.float64), np.array(present, dtype=bool))


def without_name(labels: Labels) -> Labels:
    """Labels of a result that is no longer the metric it came from."""
    return {name: value for name, value in labels.items() if name != NAME}


def key(labels: Labels) -> tuple[tuple[str, str], ...]:
    """Labels as something that can be compared; empty ones are none."""
    return tuple(sorted((name, value) for name, value in labels.items() if value))


def merged(vector: Vector, what: str) -> Vector:
    """Rows of equal labels as one, where no time has two of them.

    Raises:
        ExecutionError: two rows of equal labels are present at one time.
    """
    rows: dict[tuple[tuple[str, str], ...], int] = {}
    keep: list[int] = []
    for index, labels in enumerate(vector.labels):
        first = rows.setdefault(key(labels), index)
        if first == index:
            keep.append(index)
            continue
        if (vector.present[first] & vector.present[index]).any():
            raise ExecutionError(f"{what}: several series have the labels {shown(labels)}")
        vector.values[first] = np.where(vector.present[index], vector.values[index], vector.values[first])
        vector.present[first] |= vector.present[index]
    if len(keep) == len(vector.labels):
        return vector
    return Vector([vector.labels[index] for index in keep], vector.values[keep], vector.present[keep])


def shown(labels: Labels) -> str:
    """Labels as PromQL writes them."""
    inner = ", ".join(f'{name}="{value}"' for name, value in sorted(labels.items()) if name != NAME)
    return f"{labels.get(NAME, '')}{{{inner}}}"


class QueryError(Exception):
    """The query cannot be parsed or means nothing: `bad_data`, HTTP 400."""


class ExecutionError(Exception):
    """The query is right and this data has no answer to it: `execution`, HTTP 422."""

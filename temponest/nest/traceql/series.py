"""Series of numbers over the intervals of a query, and what second stages and arithmetic make of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from ..model.span import Value
from .intervals import Floats
from .tree import Literal, MetricsMath, SecondStage, Threshold, TopK, Type

Labels: TypeAlias = tuple[tuple[str, Value], ...]
NAME = "__name__"


@dataclass(frozen=True, slots=True)
class Exemplar:
    """A span that a series is made of; `value` in the unit of the series."""

    trace_id: bytes
    span_id: bytes
    value: float
    time_ms: int


@dataclass(slots=True)
class Series:
    """Labels in the order of the query, and a value an interval, NaN where there is none."""

    labels: Labels
    values: Floats
    exemplars: list[Exemplar] = field(default_factory=list)


SeriesList: TypeAlias = list[Series]

COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "=": np.equal,
    "!=": np.not_equal,
    "<": np.less,
    "<=": np.less_equal,
    ">": np.greater,
    ">=": np.greater_equal,
}
_ARITHMETIC: dict[str, Callable[[Any, Any], Any]] = {
    "+": np.add,
    "-": np.subtract,
    "*": np.multiply,
    "/": np.divide,
}


def second_stage(stage: SecondStage, series: SeriesList) -> SeriesList:
    """Apply topk, bottomk or a threshold at every point; series without any value are dropped."""
    return _threshold(stage, series) if isinstance(stage, Threshold) else _top_k(stage, series)


def _threshold(stage: Threshold, series: SeriesList) -> SeriesList:
    limit = scalar(stage.value)
    return _kept(
        [
            Series(
                one.labels,
                np.where(COMPARE[stage.operator](one.values, limit), one.values, np.nan),
                one.exemplars,
            )
            for one in series
        ]
    )


def _top_k(stage: TopK, series: SeriesList) -> SeriesList:
    if len(series) <= stage.k:
        return series
    # Equal values are ranked by labels, so that the same query keeps the same series.
    series = sorted(series, key=lambda one: repr(one.labels))
    values = np.stack([one.values for one in series])
    worst = -np.inf if stage.function == "topk" else np.inf
    ranked = np.where(np.isnan(values), worst, values)
    order = np.argsort(-ranked if stage.function == "topk" else ranked, axis=0, kind="stable")
    keep = np.zeros(values.shape, bool)
    np.put_along_axis(keep, order[: stage.k], values=True, axis=0)
    values = np.where(keep, values, np.nan)
    return _kept([Series(one.labels, row, one.exemplars) for one, row in zip(series, values, strict=True)])


def _kept(series: SeriesList) -> SeriesList:
    return [one for one in series if not np.isnan(one.values).all()]


def scalar(literal: Literal) -> float:
    """A number of the query as metrics count: durations in seconds."""
    value = float(literal.value)
    return value / 1e9 if literal.type is Type.DURATION else value


def arithmetic(node: MetricsMath, left: SeriesList | float, right: SeriesList | float) -> SeriesList:
    """`left operator right`, point by point.

    Series meet by equal labels; one without labels of its own meets every series of the other side. Division
    by zero has no value.
    """
    if isinstance(left, float) or isinstance(right, float):
        series = right if isinstance(left, float) else left
        if isinstance(series, float):
            raise TypeError("the parser folds arithmetic between numbers")
        return [
            Series(
                one.labels,
                _apply(
                    node.operator,
                    left if isinstance(left, float) else one.values,
                    right if isinstance(right, float) else one.values,
                ),
                one.exemplars,
            )
            for one in series
        ]
    ours = {_own_labels(one): one for one in left}
    theirs = {_own_labels(one): one for one in right}
    target = ours if () in theirs else theirs
    joined = []
    for key in target:
        a, b = ours.get(key, ours.get(())), theirs.get(key, theirs.get(()))
        if a is not None and b is not None:
            values = _apply(node.operator, a.values, b.values)
            exemplars = [*a.exemplars, *b.exemplars] if a is not b else a.exemplars
            name = f"({_name(a)} {node.operator} {_name(b)})"
            joined.append(Series(key or ((NAME, name),), values, exemplars))
    return joined


def _name(series: Series) -> str:
    return next((str(value) for label, value in series.labels if label == NAME), "")


def _own_labels(series: Series) -> Labels:
    return tuple(label for label in series.labels if label[0] != NAME)


def _apply(operator: str, left: Floats | float, right: Floats | float) -> Floats:
    with np.errstate(all="ignore"):
        values: Floats = np.asarray(_ARITHMETIC[operator](left, right), np.float64)
    return np.where(np.isinf(values), np.nan, values) if operator == "/" else values

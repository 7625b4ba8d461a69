"""Functions of histograms: classic ones (series with `le`) and native ones."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from ...model.series import Histogram
from ..native import estimate
from ..number import number
from ..values import NAME, Floats, Labels, Mask, Vector, key, stack, without_name
from . import classic
from .call import Call, Function

# What is asked of a histogram at a step: of a classic one by its bounds and counts, of a native one as it is
# (and how its metric is named in a note).
OfClassic = Callable[[Floats, Floats, int], float]
OfNative = Callable[[Histogram, int, str], float]

_MONOTONIC = (
    "input to histogram_quantile needed to be fixed for monotonicity (see"
    " https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile)"
)


def _bound(labels: Labels) -> float | None:
    try:
        return float(labels["le"].replace("Inf", "inf"))
    except (KeyError, ValueError):
        return None


def _classic(call: Call, vector: Vector, index: int) -> list[tuple[Labels, Floats, list[int]]]:
    """Labels, bounds in order, and the rows of the buckets of each classic histogram."""
    numbers = vector.numbers()
    found: dict[tuple[tuple[str, str], ...], list[tuple[float, int]]] = {}
    for row, labels in enumerate(vector.labels):
        if not numbers[row].any():
            continue
        bound = _bound(labels)
        if bound is None:
            malformed = f'bucket label "le" is missing or has a malformed value of "{labels.get("le", "")}"'
            call.warn(malformed + _of_metric(labels), index)
            continue
        rest = {name: value for name, value in labels.items() if name != "le"}
        found.setdefault(key(rest), []).append((bound, row))
    result = []
    for labels_key, buckets in found.items():
        buckets.sort()
        bounds = np.array([bound for bound, _ in buckets])
        result.append((dict(labels_key), bounds, [row for _, row in buckets]))
    return result


def _each(call: Call, index: int, of_classic: OfClassic, of_native: OfNative) -> Vector:
    """One number for each histogram of an argument, whatever its kind."""
    vector = call.vector(index)
    steps = vector.values.shape[1]
    labels: list[Labels] = []
    values: list[Floats] = []
    present: list[Mask] = []
    native = {key(one): row for row, one in enumerate(vector.labels)} if vector.histograms is not None else {}
    both: dict[int, Mask] = {}
    for rest, bounds, rows in _classic(call, vector, index):
        numbers = vector.numbers()[rows]
        row, there = np.zeros(steps), np.any(numbers, axis=0)
        twin = native.get(key(rest))
        if twin is not None:
            clash = there & vector.native()[twin]
            if clash.any():
                mixed = "vector contains a mix of classic and native histograms"
                call.warn(mixed + _of_metric(rest), index)
                both[twin] = clash
                there &= ~clash
        for step in np.flatnonzero(there):
            mask = numbers[:, step]
            row[step] = of_classic(bounds[mask], vector.values[rows, step][mask], int(step))
        labels.append(without_name(rest))
        values.append(row)
        present.append(there)
    if vector.histograms is not None:
        for index_of, there in enumerate(vector.native()):
            there = there & ~both.get(index_of, np.zeros(steps, dtype=bool))
            if not there.any():
                continue
            row, of_metric = np.zeros(steps), _of_metric(vector.labels[index_of])
            for step in np.flatnonzero(there):
                row[step] = of_native(vector.histograms[index_of, step], int(step), of_metric)
            labels.append(without_name(vector.labels[index_of]))
            values.append(row)
            present.append(there)
    return stack(labels, values, present, steps)


def _quantile_of(call: Call, q: Floats, index: int) -> Vector:
    def of_classic(bounds: Floats, counts: Floats, step: int) -> float:
        found, fixed = classic.quantile(float(q[step]), bounds, counts)
        if fixed:
            call.info(_MONOTONIC, index)
        return found

    def of_native(histogram: Histogram, step: int, of_metric: str) -> float:
        found, note = estimate.quantile(float(q[step]), histogram)
        if note:
            call.info(note + of_metric, index)
        return found

    return _each(call, index, of_classic, of_native)


def _of_metric(labels: Labels) -> str:
    name = labels.get(NAME)
    return f' for metric name "{name}"' if name else ""


def _check(call: Call, q: Floats, index: int) -> None:
    for one in q[~((q >= 0) & (q <= 1))][:1]:
        call.warn(f"quantile value should be between 0 and 1, got {number(float(one))}", index)


def _quantile(call: Call) -> Vector:
    q = call.scalar(0)
    _check(call, q, 0)
    return _quantile_of(call, q, 1)


def _quantiles(call: Call) -> Vector:
    """`histogram_quantiles`: several at once, told apart by a label."""
    label = call.text(1)
    labels: list[Labels] = []
    values: list[Floats] = []
    present: list[Mask] = []
    for index in range(2, len(call.arguments)):
        q = call.scalar(index)
        _check(call, q, index)
        found = _quantile_of(call, q, 0)
        name = _decimal(float(q[0])) if len(q) else ""
        labels += [{**one, label: name} for one in found.labels]
        values += list(found.values)
        present += list(found.present)
    return stack(labels, values, present, call.steps)


def _decimal(value: float) -> str:
    """A number as OpenMetrics writes it: whole ones with a point, too."""
    text = number(value)
    return f"{text}.0" if text.lstrip("-").isdigit() else text


def _fraction(call: Call) -> Vector:
    low, high = call.scalar(0), call.scalar(1)

    def of_native(histogram: Histogram, step: int, of_metric: str) -> float:
        found, note = estimate.fraction(float(low[step]), float(high[step]), histogram)
        if note:
            call.info(note + of_metric, 2)
        return found

    def of_classic(bounds: Floats, counts: Floats, step: int) -> float:
        return classic.fraction(float(low[step]), float(high[step]), bounds, counts)

    return _each(call, 2, of_classic, of_native)


def _of_native(function: Callable[[Histogram], float]) -> Function:
    """A function of native histograms alone; numbers are left out."""

    def apply(call: Call) -> Vector:
        vector = call.vector()
        there, values = vector.native(), np.zeros(vector.values.shape)
        if vector.histograms is not None:
            for row, step in np.argwhere(there):
                values[row, step] = function(vector.histograms[row, step])
        return Vector([without_name(one) for one in vector.labels], values, there)

    return apply


def _average(histogram: Histogram) -> float:
    return float(np.float64(histogram.sum) / np.float64(histogram.count))


def _deviation(histogram: Histogram) -> float:
    variance = estimate.variance(histogram)
    return math.sqrt(variance) if variance >= 0 else math.nan


FUNCTIONS: dict[str, Function] = {
    "histogram_avg": _of_native(_average),
    "histogram_count": _of_native(lambda histogram: histogram.count),
    "histogram_fraction": _fraction,
    "histogram_quantile": _quantile,
    "histogram_quantiles": _quantiles,
    "histogram_stddev": _of_native(_deviation),
    "histogram_stdvar": _of_native(estimate.variance),
    "histogram_sum": _of_native(lambda histogram: histogram.sum),
}

"""Change over a window: rates and increases of counters, deltas of gauges.

Increases are extrapolated to the bounds of the window as Prometheus does (docs, "rate()"): by at most half an
average interval beyond the first and the last sample, and never below zero for a counter. What is `anchored`
or `smoothed` is not extrapolated; see `extended.py`.
"""

from __future__ import annotations

import re
from functools import partial

import numpy as np

from ...model.series import Histogram
from ..messages import INCOMPATIBLE, MIXED, NOT_COUNTER, NOT_GAUGE
from ..native import arithmetic
from ..native.arithmetic import MixedBucketsError, is_reset, subtracted
from ..native.buckets import is_custom
from ..values import NAME, Floats, Labels, Mask, Matrix, Sample, Samples, Times, Vector, stack, without_name
from .call import Call, Function, Window, bounds, windowed
from .extended import extended

_COUNTER_NAME = re.compile(r".*(_total|_sum|_count|_bucket)")


def _extrapolated(call: Call, *, counter: bool, per_second: bool) -> Vector:
    matrix = call.matrix()
    if matrix.extension:
        value = windowed(matrix, partial(extended, call, matrix.extension, counter, per_second))
        return _counter_notes(call, matrix, value, counter=counter)
    numbers = [series for series in matrix.series if series.histograms is None]
    native = [series for series in matrix.series if series.histograms is not None]
    steps = len(matrix.ends)
    labels: list[Labels] = []
    values: list[Floats] = []
    present: list[Mask] = []
    for series in numbers:
        first, last = bounds(series, matrix)
        there = last - first >= 2
        if there.any():
            row = np.zeros(steps)
            row[there] = _rows(series, first[there], last[there] - 1, matrix, there, counter, per_second)
            labels.append(without_name(series.labels))
            values.append(row)
            present.append(there)
    found = stack(labels, values, present, steps)
    if native:
        rest = Matrix(native, matrix.starts, matrix.ends, check=matrix.check)
        found = joined(found, windowed(rest, partial(_native, call, counter, per_second)))
    return _counter_notes(call, matrix, found, counter=counter)


def joined(left: Vector, right: Vector) -> Vector:
    """The series of two vectors."""
    if not left.labels or not right.labels:
        return left if left.labels else right
    histograms = None
    if left.histograms is not None or right.histograms is not None:
        grids = [
            np.full(one.present.shape, None, dtype=object) if one.histograms is None else one.histograms
            for one in (left, right)
        ]
        histograms = np.concatenate(grids)
    return Vector(
        [*left.labels, *right.labels],
        np.concatenate([left.values, right.values]),
        np.concatenate([left.present, right.present]),
        histograms,
    )


def _counter_notes(call: Call, matrix: Matrix, found: Vector, *, counter: bool) -> Vector:
    """Say where the rate of what is hardly a counter was asked for."""
    if counter and found.numbers().any():
        for series in matrix.series:
            name, kind = series.labels.get(NAME, ""), series.labels.get("__type__", "")
            if series.histograms is not None:
                continue
            if kind:
                if kind not in {"counter", "histogram"}:
                    call.info(
                        'metric might not be a counter, __type__ label is not set to "counter" or "histogram"'
                        f', got "{kind}": "{name}"'
                    )
            elif name and not _COUNTER_NAME.fullmatch(name):
                call.info(
                    "metric might not be a counter, name does not end in _total/_sum/_count/_bucket:"
                    f' "{name}"'
                )
    return found


def _rows(
    series: Samples,
    first: Times,
    last: Times,
    matrix: Matrix,
    there: Mask,
    counter: bool,
    per_second: bool,
) -> Floats:
    """One number for each window with at least two samples."""
    change = series.values[last] - series.values[first]
    if counter:
        lost = np.concatenate([[0.0], np.where(np.diff(series.values) < 0, series.values[:-1], 0.0)])
        running = np.cumsum(lost)
        change = change + running[last] - running[first]
    factor = _factor(
        series.times[first],
        series.times[last],
        last - first,
        matrix.starts[there],
        matrix.ends[there],
        series.values[first] if counter else None,
        change,
    )
    if per_second:
        factor = factor / ((matrix.ends[there] - matrix.starts[there]) / 1000)
    result: Floats = change * factor
    return result


def _factor(
    first: Times,
    last: Times,
    intervals: Times,
    starts: Times,
    ends: Times,
    zero_from: Floats | None,
    change: Floats,
) -> Floats:
    """What a change between the first and the last sample is multiplied by to stand for the whole window.

    `zero_from` is the first value of a counter: it was zero at some time, never extrapolate to before that.
    """
    sampled = (last - first) / 1000
    average = sampled / intervals
    threshold = average * 1.1
    to_start, to_end = (first - starts) / 1000, (ends - last) / 1000
    to_start = np.where(to_start >= threshold, average / 2, to_start)
    to_end = np.where(to_end >= threshold, average / 2, to_end)
    if zero_from is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            to_zero = sampled * (zero_from / change)
        reachable = (change > 0) & (zero_from >= 0) & (to_zero < to_start)
        to_start = np.where(reachable, to_zero, to_start)
    factor: Floats = (sampled + to_start + to_end) / sampled
    return factor


def _native(call: Call, counter: bool, per_second: bool, window: Window) -> Sample | None:
    """The change of a window of a series that is a histogram, at some time at least."""
    if window.mixed:
        call.warn(f'{MIXED} metric name "{window.name}"')
        return None
    if len(window.times) < 2:
        return None
    native = window.native
    first, last = np.array([window.times[0]]), np.array([window.times[-1]])
    counts = np.array([len(window.times) - 1])
    starts, ends = np.array([window.start]), np.array([window.end])
    seconds = (window.end - window.start) / 1000 if per_second else 1.0
    if not native:
        series = Samples({}, window.times, window.values)
        one = Matrix([series], starts, ends)
        there = np.array([True])
        return float(_rows(series, np.array([0]), counts, one, there, counter, per_second)[0])
    try:
        change = _histogram_change(call, native, window.name, counter=counter)
    except MixedBucketsError:
        call.warn(f'{INCOMPATIBLE} "{window.name}"')
        return None
    grown = np.array([change.count])
    zero_from = np.array([native[0].count]) if counter else None
    factor = float(_factor(first, last, counts, starts, ends, zero_from, grown)[0])
    return arithmetic.scaled(change, factor / seconds)


def _histogram_change(call: Call, samples: list[Histogram], name: str, *, counter: bool) -> Histogram:
    """The last sample less the first, plus what was lost by resets between them."""
    if counter and any(one.hint == "gauge" for one in samples):
        call.warn(f'{NOT_COUNTER} "{name}"')
    if not counter and any(one.hint != "gauge" for one in (samples[0], samples[-1])):
        call.warn(f'{NOT_GAUGE} "{name}"')
    first, last = samples[0], samples[-1]
    relevant = samples if counter else [first, last]
    if counter and is_reset(samples[1], first):
        # What was before the reset adds nothing, so its buckets need not fit either.
        relevant = samples[1:]
        first = Histogram(0, 0, samples[1].schema, samples[1].zero_threshold, 0, custom=samples[1].custom)
    if len({is_custom(one) for one in relevant}) > 1:
        raise MixedBucketsError
    found = subtracted(last, first)
    notes = [(found, "subtraction")]
    change, before = found.histogram, first
    if counter:
        for one in samples[1:]:
            if is_reset(one, before):
                found = arithmetic.added([change, before])
                notes.append((found, "addition"))
                change = found.histogram
            before = one
    for found, operation in notes:
        # Resets are accounted for right here, so that some samples come after one is nothing to warn of.
        found = arithmetic.Combined(found.histogram, reconciled=found.reconciled)
        call.combined(found, operation)
    change = arithmetic.coarser(change, min(one.schema for one in relevant))
    return arithmetic.hinted(change, "gauge")


def _instant(call: Call, *, counter: bool) -> Vector:
    """`irate` and `idelta`: the last two samples alone."""

    def latest(window: Window) -> Sample | None:
        if len(window.times) < 2:
            return None
        seconds = float(window.times[-1] - window.times[-2]) / 1000 if counter else 1.0
        before, now = (None, None) if window.histograms is None else window.histograms[-2:]
        if before is None and now is None:
            last, one = float(window.values[-1]), float(window.values[-2])
            # After a reset the counter has grown from zero.
            return (last if counter and last < one else last - one) / seconds
        if before is None or now is None:
            call.warn(f'{MIXED} metric name "{window.name}"')
            return None
        if counter and "gauge" in {before.hint, now.hint}:
            call.warn(f'{NOT_COUNTER} "{window.name}"')
        if not counter and {before.hint, now.hint} != {"gauge"}:
            call.warn(f'{NOT_GAUGE} "{window.name}"')
        change = now
        if not (counter and is_reset(now, before)):
            try:
                found = subtracted(now, before)
            except MixedBucketsError:
                call.warn(f'{INCOMPATIBLE} "{window.name}"')
                return None
            call.combined(arithmetic.Combined(found.histogram, reconciled=found.reconciled), "subtraction")
            change = found.histogram
        return arithmetic.hinted(arithmetic.compact(arithmetic.divided(change, seconds)), "gauge")

    matrix = call.matrix()
    return _counter_notes(call, matrix, windowed(matrix, latest), counter=counter)


FUNCTIONS: dict[str, Function] = {
    "rate": lambda call: _extrapolated(call, counter=True, per_second=True),
    "increase": lambda call: _extrapolated(call, counter=True, per_second=False),
    "delta": lambda call: _extrapolated(call, counter=False, per_second=False),
    "irate": lambda call: _instant(call, counter=True),
    "idelta": lambda call: _instant(call, counter=False),
}

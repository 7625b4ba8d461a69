"""`anchored` and `smoothed` ranges: the value at the bounds of a window, from samples beyond it.

Anchored takes the newest sample before a bound; smoothed draws a line between the samples around it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

import numpy as np

from ...model.series import Histogram
from ..annotations import Annotations
from ..errors import ExecutionError
from ..messages import INCOMPATIBLE, MIXED, NOT_COUNTER, NOT_GAUGE, RECONCILED
from ..native import arithmetic
from ..native.arithmetic import Combined, MixedBucketsError, added, is_reset, scaled, subtracted
from ..native.buckets import is_custom
from ..tree import Expression
from ..values import Floats, Matrix, Sample, Samples, Times
from .call import Call, Window, bounds

T = TypeVar("T", float, Histogram)


def inside(times: Times, start: int, end: int, *, smoothed: bool) -> tuple[int, int] | None:
    """The first and the last sample that a window needs; None where there is nothing to measure."""
    last = len(times) - 1
    first = max(0, int(np.searchsorted(times[:last], start, side="right")) - 1)
    if smoothed:
        last = int(np.searchsorted(times[:last], end, side="left"))
    if times[last] <= start or (smoothed and times[first] > end):
        return None
    return first, last


def edges(
    times: Times,
    samples: Sequence[T],
    place: tuple[int, int],
    window: tuple[int, int],
    between: Callable[[T, T, float], T] | None,
) -> tuple[T, T]:
    """The samples at the bounds of a window, interpolated by `between` where it is given."""
    (first, last), (start, end) = place, window
    left, right = samples[first], samples[last]
    if between is not None and times[first] < start:
        share = float(start - times[first]) / float(times[first + 1] - times[first])
        left = between(samples[first], samples[first + 1], share)
    if between is not None and last > 0 and times[last] > end:
        share = float(end - times[last - 1]) / float(times[last] - times[last - 1])
        right = between(samples[last - 1], samples[last], share)
    return left, right


def extended(call: Call, extension: str, counter: bool, per_second: bool, window: Window) -> Sample | None:
    """The change over one window."""
    native = window.native
    if window.mixed:
        call.warn(f'{MIXED} metric name "{window.name}"')
        return None
    place = inside(window.times, window.start, window.end, smoothed=extension == "smoothed")
    if place is None:
        return None
    seconds = (window.end - window.start) / 1000 if per_second else 1.0
    if not native:
        return _numbers(window, place, counter=counter, smoothed=extension == "smoothed") / seconds
    try:
        change = _native(call, window, native, place, counter, extension == "smoothed")
    except MixedBucketsError:
        call.warn(f'{INCOMPATIBLE} "{window.name}"')
        return None
    return arithmetic.hinted(arithmetic.compact(arithmetic.divided(change, seconds)), "gauge")


def line(before: float, after: float, share: float, *, counter: bool = False) -> float:
    """A number between two others; after a reset a counter has grown from zero."""
    start = 0.0 if counter and after < before else before
    return start + (after - start) * share


def _numbers(window: Window, place: tuple[int, int], *, counter: bool, smoothed: bool) -> float:
    values: Floats = window.values
    limits = (window.start, window.end)
    between = (lambda one, two, share: line(one, two, share, counter=counter)) if smoothed else None
    left, right = edges(window.times, values.tolist(), place, limits, between)
    change: float = right - left
    if counter:
        first, last = place
        first += int(window.times[first] <= window.start)
        last -= int(window.times[last] >= window.end)
        run = np.concatenate([[left], values[first : last + 1], [right]])
        change += float(run[:-1][np.diff(run) < 0].sum())
    return change


def _native(
    call: Call,
    window: Window,
    samples: list[Histogram],
    place: tuple[int, int],
    counter: bool,
    smoothed: bool,
) -> Histogram:
    first, last = place
    used = samples[first : last + 1]
    if len({is_custom(one) for one in used}) > 1:
        raise MixedBucketsError
    if counter and any(one.hint == "gauge" for one in used):
        call.warn(f'{NOT_COUNTER} "{window.name}"')

    def between(before: Histogram, after: Histogram, share: float) -> Histogram:
        notes, node = call.notes, call.node.arguments[0]
        return interpolated(before, after, share, counter=counter, notes=notes, node=node)

    limits = (window.start, window.end)
    left, right = edges(window.times, samples, place, limits, between if smoothed else None)
    if not counter and {left.hint, right.hint} != {"gauge"}:
        call.warn(f'{NOT_GAUGE} "{window.name}"')
    change = _quiet(call, subtracted(right, left), "subtraction")
    if not counter:
        return change
    before, start = left, first + 1
    if smoothed and window.times[first] < window.start and is_reset(samples[first + 1], samples[first]):
        # The line to the left bound already begins at the reset.
        before, start = samples[first + 1], first + 2
    if start > last:
        return change
    for one in [*samples[start:last], right]:
        if is_reset(one, before):
            change = _quiet(call, added([change, before]), "addition")
        before = one
    return change


def interpolated(
    before: Histogram, after: Histogram, share: float, *, counter: bool, notes: Annotations, node: Expression
) -> Histogram:
    """A histogram between two others; after a reset a counter has grown from zero.

    Raises:
        MixedBucketsError: one has exponential buckets and the other bounds of its own.
    """
    if is_custom(before) != is_custom(after):
        raise MixedBucketsError
    if share in {0.0, 1.0}:
        return after if share else before
    if counter and is_reset(after, before):
        return scaled(after, share)
    growth = subtracted(after, before)
    found = added([scaled(growth.histogram, share), before])
    for one, operation in ((growth, "subtraction"), (found, "addition")):
        if one.reconciled:
            notes.info(f"{RECONCILED} {operation}", node)
    return arithmetic.hinted(found.histogram, after.hint)


def _quiet(call: Call, found: Combined, operation: str) -> Histogram:
    """Say what had to give way; resets are accounted for here, so those are nothing to warn of."""
    call.combined(Combined(found.histogram, reconciled=found.reconciled), operation)
    return found.histogram


def at_bounds(series: Samples, start: int, end: int, matrix: Matrix) -> Samples | None:
    """The samples of a window with one at each of its bounds; None where there are none.

    Raises:
        ExecutionError: the series has histograms.
    """
    if series.histograms is not None:
        raise ExecutionError(f"{matrix.extension} modifier is not supported with histograms")
    smoothed = matrix.extension == "smoothed"
    low, high = bounds(series, matrix)
    times, values = series.times[low[0] : high[0]], series.values[low[0] : high[0]]
    place = inside(times, start, end, smoothed=smoothed) if len(times) else None
    if place is None:
        return None
    left, right = edges(times, values.tolist(), place, (start, end), line if smoothed else None)
    between = (times > start) & (times < end)
    return Samples(
        series.labels,
        np.concatenate([[start], times[between], [end]]),
        np.concatenate([[left], values[between], [right]]),
    )

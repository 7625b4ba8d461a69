"""Instant vectors out of samples: the newest one before each time, or a line between its neighbours."""

from __future__ import annotations

from functools import partial

import numpy as np

from ..model.series import Histogram
from .annotations import Annotations
from .functions.call import Window, windowed
from .functions.extended import interpolated, line
from .messages import INCOMPATIBLE, MIXED
from .native.arithmetic import MixedBucketsError, hinted
from .tree import Selector
from .values import Floats, Histograms, Labels, Mask, Matrix, Sample, Samples, Times, Vector, stack

Found = list[tuple[Samples, Times]]


def newest(found: Found, looked: Times, lookback_ms: int, *, of_times: bool = False) -> Vector:
    """The newest sample of each series within the lookback; with `of_times` its time in seconds.

    Args:
        found: series, and the times at which each ended.
        looked: the times to look at.
        lookback_ms: how long a sample stands for.
        of_times: whether times are wanted in place of samples.
    """
    labels: list[Labels] = []
    values: list[Floats] = []
    present: list[Mask] = []
    histograms: list[Histograms | None] = []
    for series, ended in found:
        if not len(series.times):
            continue
        index = np.searchsorted(series.times, looked, side="right") - 1
        safe = np.maximum(index, 0)
        latest = series.times[safe]
        there = (index >= 0) & (latest > looked - lookback_ms)
        if len(ended):
            last_end = np.searchsorted(ended, looked, side="right") - 1
            there &= (last_end < 0) | (ended[np.maximum(last_end, 0)] < latest)
        if there.any():
            labels.append(series.labels)
            values.append(latest / 1000 if of_times else series.values[safe])
            present.append(there)
            native = series.histograms is not None and not of_times
            histograms.append(series.histograms[safe] if native and series.histograms is not None else None)
    return stack(labels, values, present, len(looked), histograms)


def smoothed(found: Found, looked: Times, lookback_ms: int, node: Selector, notes: Annotations) -> Vector:
    """Each series on a line between the samples on both sides of each time, as long as there are some."""
    matrix = Matrix([series for series, _ in found], looked - lookback_ms, looked + lookback_ms)
    return windowed(matrix, partial(_between, looked, node, notes), keep_name=True)


def _between(looked: Times, node: Selector, notes: Annotations, window: Window) -> Sample | None:
    if window.mixed:
        notes.warn(f'{MIXED} metric name "{window.name}"', node)
        return None
    at = int(looked[window.step])
    after = int(np.searchsorted(window.times, at, side="left"))
    samples: list[Sample] = list(window.native or window.values.tolist())
    if after < len(samples) and window.times[after] == at:
        return samples[after]
    if after == 0:
        return None
    before = samples[after - 1]
    if after == len(samples):
        # What is known of the sample before this one is not true of a later time.
        return hinted(before, "") if isinstance(before, Histogram) else before
    share = float(at - window.times[after - 1]) / float(window.times[after] - window.times[after - 1])
    nearer = samples[after]
    if not isinstance(before, Histogram) or not isinstance(nearer, Histogram):
        assert isinstance(before, float) and isinstance(nearer, float)  # noqa: S101, PT018 - not mixed, see above
        return line(before, nearer, share)
    counter = {before.hint, nearer.hint} != {"gauge"}
    try:
        return interpolated(before, nearer, share, counter=counter, notes=notes, node=node)
    except MixedBucketsError:
        notes.warn(f'{INCOMPATIBLE} "{window.name}"', node)
        return None

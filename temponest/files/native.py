"""Native histograms of Prometheus' API, which have bounds and no scale, as histograms of OTLP."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable
from typing import TypeAlias

from opentelemetry.proto.metrics.v1.metrics_pb2 import ExponentialHistogramDataPoint, HistogramDataPoint

from temponest.client.prometheus import NativeHistogram

_Bucket: TypeAlias = tuple[float, float, float]
Buckets = ExponentialHistogramDataPoint.Buckets

_BOTH = 3
# Prometheus' scales. The finest, which no other is spoilt by, stands for that of a histogram without buckets.
COARSEST, FINEST = -4, 8
# How far a bound in text may be from the power of two that it is.
_CLOSE = 1e-6
# More buckets than this between two that count something are a damaged answer, not a measurement.
_MOST = 100_000


def scale_of(histogram: NativeHistogram) -> int | None:
    """The scale whose bounds its buckets have; None where they are others, or there are none."""
    found = {_scale(low, high) for low, high, _ in _sides(histogram)[0] + _sides(histogram)[1]}
    known = {one for one in found if one is not None}
    # Where the zero bucket reaches into one, its lower bound is that of zero, and tells nothing.
    return known.pop() if len(known) == 1 and len(found) <= 2 else None


def has_buckets(histogram: NativeHistogram) -> bool:
    """Whether it has buckets besides that of zero."""
    return any(_sides(histogram))


def is_whole(histogram: NativeHistogram) -> bool:
    """Whether all counts are whole numbers, as OTLP has them."""
    counts = (histogram.count, *(count for *_, count in histogram.buckets))
    return all(count >= 0 and count % 1 == 0 for count in counts)


def fill_exponential(point: ExponentialHistogramDataPoint, histogram: NativeHistogram, scale: int) -> None:
    """Give a point the counts of a histogram with this scale."""
    point.count, point.scale = int(histogram.count), scale
    point.sum = histogram.sum
    for rule, low, high, count in histogram.buckets:
        if rule == _BOTH and low <= 0 <= high:
            point.zero_threshold, point.zero_count = high, int(count)
    positive, negative = _sides(histogram)
    _fill(point.positive, positive, scale)
    _fill(point.negative, negative, scale)


def fill_explicit(point: HistogramDataPoint, histogram: NativeHistogram) -> None:
    """Give a point the counts of a histogram whose bounds are its own."""
    counts = {high: int(count) for _, _, high, count in histogram.buckets}
    bounds = {bound for _, low, high, _ in histogram.buckets for bound in (low, high)}
    finite = sorted(bound for bound in bounds if math.isfinite(bound))
    point.count, point.sum = int(histogram.count), histogram.sum
    point.explicit_bounds.extend(finite)
    point.bucket_counts.extend(counts.get(bound, 0) for bound in (*finite, math.inf))


def _sides(histogram: NativeHistogram) -> tuple[list[_Bucket], list[_Bucket]]:
    """Buckets above and below zero by absolute bounds, without that of zero."""
    positive, negative = [], []
    for rule, low, high, count in histogram.buckets:
        if rule == _BOTH and low <= 0 <= high:
            continue
        if low < 0 and high <= 0:
            negative.append((-high, -low, count))
        else:
            positive.append((low, high, count))
    return positive, negative


def _scale(low: float, high: float) -> int | None:
    if low <= 0 or not math.isfinite(high) or high >= sys.float_info.max:
        return None
    exact = -math.log2(math.log2(high / low)) if high > low else math.nan
    if math.isnan(exact) or abs(exact - round(exact)) > _CLOSE or not COARSEST <= round(exact) <= FINEST:
        return None
    # One of the bounds of this scale, not only as far from the next.
    index = math.log2(high) * 2.0 ** round(exact)
    return round(exact) if abs(index - round(index)) < _CLOSE * max(1.0, abs(index)) else None


def _fill(buckets: Buckets, side: Iterable[_Bucket], scale: int) -> None:
    counts = {_index(low, high, scale): int(count) for low, high, count in side}
    if not counts:
        return
    first, last = min(counts), max(counts)
    if last - first > _MOST:
        raise ValueError("a native histogram has bounds that are not of its scale")
    buckets.offset = first
    buckets.bucket_counts.extend(counts.get(index, 0) for index in range(first, last + 1))


def _index(low: float, high: float, scale: int) -> int:
    """OTLP's index of a bucket: the lower bound's power."""
    if math.isfinite(high) and high < sys.float_info.max:
        return round(math.log2(high) * 2.0**scale) - 1
    return round(math.log2(low) * 2.0**scale)

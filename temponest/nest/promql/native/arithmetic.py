"""Sums, differences and multiples of native histograms, and whether a counter was reset between two."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ...model.series import Histogram
from .buckets import bounds, is_custom

_SIDES = ("positive", "negative")


class MixedBucketsError(Exception):
    """Exponential and custom buckets cannot be combined."""


@dataclass(frozen=True, slots=True)
class Combined:
    """A combination of histograms.

    Attributes:
        histogram: the result.
        collision: some came after a reset of their counter and some did not.
        reconciled: their custom bounds differed, those they share were kept.
    """

    histogram: Histogram
    collision: bool = False
    reconciled: bool = False


def added(histograms: Sequence[Histogram]) -> Combined:
    """The sum of one or more.

    Raises:
        MixedBucketsError: see there.
    """
    return _combined(histograms, [1.0] * len(histograms))


def subtracted(left: Histogram, right: Histogram) -> Combined:
    """The difference of two.

    Raises:
        MixedBucketsError: see there.
    """
    return _combined([left, right], [1.0, -1.0])


def mean(histograms: Sequence[Histogram]) -> Combined:
    """The average of one or more; they are divided first where their sum would overflow.

    Raises:
        MixedBucketsError: see there.
    """
    count = len(histograms)
    total = _combined(histograms, [1.0] * count)
    if not _overflows(total.histogram) or any(_overflows(one) for one in histograms):
        return replace(total, histogram=divided(total.histogram, count))
    return replace(total, histogram=_combined(histograms, [1 / count] * count).histogram)


def _overflows(histogram: Histogram) -> bool:
    numbers = [histogram.count, histogram.sum, histogram.zero_count]
    return any(
        math.isinf(one) for one in (*numbers, *histogram.positive.values(), *histogram.negative.values())
    )


def _combined(histograms: Sequence[Histogram], factors: Sequence[float]) -> Combined:
    if len({is_custom(one) for one in histograms}) > 1:
        raise MixedBucketsError
    same, reconciled = _aligned(histograms)
    hint, collision = _hint(histograms)

    def total(part: Callable[[Histogram], float]) -> float:
        return _exact(part(one) * factor for one, factor in zip(same, factors, strict=True))

    sides: dict[str, dict[int, float]] = {}
    for side in _SIDES:
        indexes = {index for one in same for index in getattr(one, side)}
        sides[side] = {
            index: _exact(
                getattr(one, side).get(index, 0.0) * factor for one, factor in zip(same, factors, strict=True)
            )
            for index in sorted(indexes)
        }
    result = replace(
        same[0],
        count=total(lambda one: one.count),
        sum=total(lambda one: one.sum),
        zero_count=total(lambda one: one.zero_count),
        hint=hint,
        positive=sides["positive"],
        negative=sides["negative"],
    )
    return Combined(compact(result), collision, reconciled)


def _exact(numbers: object) -> float:
    values = list(numbers)  # type: ignore[call-overload]  # an iterable of floats, from two lines above
    try:
        return math.fsum(values)
    except (OverflowError, ValueError):
        # Too large, or infinities of both signs: what plain addition gives is the answer.
        return float(sum(values))


def _hint(histograms: Sequence[Histogram]) -> tuple[str, bool]:
    hint, collision = histograms[0].hint, False
    for other in histograms[1:]:
        if other.hint == hint or hint == "gauge":
            continue
        if other.hint == "gauge":
            hint = "gauge"
        elif "" in {hint, other.hint}:
            hint = ""
        else:
            hint, collision = "", True
    seen = {one.hint for one in histograms}
    return hint, collision or {"reset", "not_reset"} <= seen


def scaled(histogram: Histogram, factor: float) -> Histogram:
    """Every count and the sum times a factor."""
    return replace(
        histogram,
        count=histogram.count * factor,
        sum=histogram.sum * factor,
        zero_count=histogram.zero_count * factor,
        positive={index: count * factor for index, count in histogram.positive.items()},
        negative={index: count * factor for index, count in histogram.negative.items()},
        hint="gauge" if factor < 0 else histogram.hint,
    )


def divided(histogram: Histogram, divisor: float) -> Histogram:
    """Every count and the sum by a divisor; none of the buckets survives a division by zero."""
    return replace(
        histogram,
        count=_quotient(histogram.count, divisor),
        sum=_quotient(histogram.sum, divisor),
        zero_count=_quotient(histogram.zero_count, divisor),
        positive={index: count / divisor for index, count in histogram.positive.items()} if divisor else {},
        negative={index: count / divisor for index, count in histogram.negative.items()} if divisor else {},
        hint="gauge" if divisor < 0 else histogram.hint,
    )


def _quotient(value: float, divisor: float) -> float:
    if divisor:
        return value / divisor
    if value == 0 or math.isnan(value):
        return math.nan
    return math.copysign(math.inf, value) * math.copysign(1.0, divisor)


def compact(histogram: Histogram) -> Histogram:
    """Without its empty buckets."""
    if all(histogram.positive.values()) and all(histogram.negative.values()):
        return histogram
    return replace(
        histogram,
        positive={index: count for index, count in histogram.positive.items() if count},
        negative={index: count for index, count in histogram.negative.items() if count},
    )


def equal(left: Histogram, right: Histogram) -> bool:
    """Whether two are the same, apart from what is known of the samples before them."""
    left, right = compact(left), compact(right)
    return (
        left.schema == right.schema
        and left.custom == right.custom
        and _same(left.count, right.count)
        and _same(left.sum, right.sum)
        and left.zero_count == right.zero_count
        and left.zero_threshold == right.zero_threshold
        and left.positive == right.positive
        and left.negative == right.negative
    )


def _same(left: float, right: float) -> bool:
    return left == right or (math.isnan(left) and math.isnan(right))


def is_reset(now: Histogram, before: Histogram) -> bool:
    """Whether a counter was reset between two samples: something that only grows has become less."""
    if now.hint in {"reset", "not_reset"}:
        return now.hint == "reset"
    if now.count < before.count or is_custom(now) != is_custom(before):
        return True
    if is_custom(now):
        (now, before), _ = _aligned([now, before])
        return any(now.positive.get(index, 0.0) < count for index, count in before.positive.items())
    if now.schema > before.schema or now.zero_threshold < before.zero_threshold:
        return True
    zero, threshold = _zero_count(before, now.zero_threshold)
    if threshold != now.zero_threshold or now.zero_count < zero:
        return True
    before = _reduced(_without_zero(before, threshold), now.schema)
    return any(
        getattr(now, side).get(index, 0.0) < count
        for side in _SIDES
        for index, count in getattr(before, side).items()
    )


def _aligned(histograms: Sequence[Histogram]) -> tuple[list[Histogram], bool]:
    """The same histograms with the same buckets, and whether their custom bounds had to give way."""
    if is_custom(histograms[0]):
        shared = set(histograms[0].custom).intersection(*(one.custom for one in histograms[1:]))
        kept = tuple(sorted(shared))
        if all(one.custom == kept for one in histograms):
            return list(histograms), False
        return [_remapped(one, kept) for one in histograms], True
    schema = min(one.schema for one in histograms)
    threshold, before = max(one.zero_threshold for one in histograms), -1.0
    while threshold != before:
        before = threshold
        # Widening one zero bucket to the end of a bucket it cuts may make it cut one of another histogram.
        threshold = max(_zero_count(one, threshold)[1] for one in histograms)
    return [_reduced(_without_zero(one, threshold), schema) for one in histograms], False


def _remapped(histogram: Histogram, custom: tuple[float, ...]) -> Histogram:
    """Custom buckets added up into those of fewer bounds."""
    positive: dict[int, float] = {}
    for index, count in histogram.positive.items():
        upper = bounds(histogram, index)[1]
        target = bisect_left(custom, upper)
        positive[target] = positive.get(target, 0.0) + count
    return replace(histogram, custom=custom, positive=positive)


def _zero_count(histogram: Histogram, threshold: float) -> tuple[float, float]:
    """The count of the zero bucket with a larger threshold, and the threshold at which it cuts no bucket."""
    while True:
        count, cut = histogram.zero_count, False
        if threshold == histogram.zero_threshold:
            return count, threshold
        for side in _SIDES:
            for index, inside in sorted(getattr(histogram, side).items()):
                lower, upper = bounds(histogram, index)
                if lower >= threshold:
                    break
                count += inside
                if upper > threshold:
                    if inside:
                        threshold, cut = upper, side == "negative"
                    break
        if not cut:
            return count, threshold


def _without_zero(histogram: Histogram, threshold: float) -> Histogram:
    """The histogram with a larger zero bucket, which takes over the buckets it covers."""
    if threshold == histogram.zero_threshold:
        return histogram
    count, _ = _zero_count(histogram, threshold)
    sides = {
        side: {
            index: inside
            for index, inside in getattr(histogram, side).items()
            if bounds(histogram, index)[0] >= threshold
        }
        for side in _SIDES
    }
    return replace(
        histogram,
        zero_count=count,
        zero_threshold=threshold,
        positive=sides["positive"],
        negative=sides["negative"],
    )


def _reduced(histogram: Histogram, schema: int) -> Histogram:
    """The histogram at a coarser resolution: buckets are added up by twos."""
    if schema == histogram.schema:
        return histogram
    shift = histogram.schema - schema
    sides: dict[str, dict[int, float]] = {}
    for side in _SIDES:
        merged: dict[int, float] = {}
        for index, count in getattr(histogram, side).items():
            target = ((index - 1) >> shift) + 1
            merged[target] = merged.get(target, 0.0) + count
        sides[side] = merged
    return replace(histogram, schema=schema, positive=sides["positive"], negative=sides["negative"])


def coarser(histogram: Histogram, schema: int) -> Histogram:
    """The histogram at a resolution no finer than `schema`."""
    return histogram if is_custom(histogram) or schema >= histogram.schema else _reduced(histogram, schema)


def hinted(histogram: Histogram, hint: str) -> Histogram:
    """The histogram with something else known of the sample before."""
    return histogram if histogram.hint == hint else replace(histogram, hint=hint)

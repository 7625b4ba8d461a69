"""`compare({selection})`: every attribute's values among the selected spans and among the rest.

Series are labelled `__meta_type` = baseline, selection, baseline_total or selection_total, beside the
attribute with its value, or with "nil" for a total over all its values.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import numpy.typing as npt

from ..model.fetch import Attribute, AttributeScope
from ..model.span import Value
from .errors import TooLargeError
from .fields import shown
from .intervals import Intervals, Ints
from .printer import attribute_name
from .rows import Column
from .series import Labels, Series, SeriesList

META_TYPE = "__meta_type"
META_ERROR = "__meta_error"
TOO_MANY = "__too_many_values__"
# Values of one attribute that are counted apart, and counts kept for all attributes (4 bytes each).
MAX_VALUES = 1_000
MAX_COUNTS = 16_000_000
OTHERS = 0
MISSING = -1
_UNKNOWN = -2
COMPARED_INTRINSICS = (
    "name",
    "kind",
    "status",
    "statusMessage",
    "instrumentation:name",
    "instrumentation:version",
)


def compared(attributes: dict[AttributeScope, list[str]]) -> Iterator[Attribute]:
    """What compare() looks at, of everything that was seen."""
    for name in COMPARED_INTRINSICS:
        yield Attribute(AttributeScope.INTRINSIC, name)
    for scope in (AttributeScope.RESOURCE, AttributeScope.SPAN):
        for name in attributes.get(scope, []):
            yield Attribute(scope, name)


class Comparison:
    """Takes batches of columns and counts values inside and outside of the selection.

    Args:
        top: how many values of an attribute to show on each side.
        intervals: the points in time.
    """

    def __init__(self, top: int, intervals: Intervals) -> None:
        self._top = top
        self._intervals = intervals
        self._attributes: dict[Attribute, _Values] = {}

    def add(self, start_ns: Ints, selected: Ints, columns: Iterable[tuple[Attribute, Column]]) -> None:
        """Count one batch; `selected` is 1 for rows of the selection and 0 for the rest.

        Raises:
            TooLargeError: the counts do not fit in memory.
        """
        interval = self._intervals.index(start_ns)
        inside = interval >= 0
        width = 2 * self._intervals.count
        place = (selected * self._intervals.count + interval)[inside]
        for attribute, column in columns:
            values = self._attributes.setdefault(attribute, _Values(attribute))
            number = values.numbers(column)[column.codes[inside]]
            present = number >= 0
            counted = np.bincount(
                number[present] * width + place[present], minlength=len(values.texts) * width
            ).astype(np.int32)
            counted[: len(values.counts)] += values.counts
            values.counts = counted
        if sum(len(values.counts) for values in self._attributes.values()) > MAX_COUNTS:
            raise TooLargeError("too many values to compare: ask for a longer step or fewer spans")

    def result(self) -> SeriesList:
        """The series: the most frequent values of each attribute on each side, and the totals."""
        series: SeriesList = []
        for values in self._attributes.values():
            if len(values.counts):
                series += self._series(values)
        return series

    def _series(self, values: _Values) -> SeriesList:
        counts = values.counts.reshape(len(values.texts), 2, self._intervals.count)
        name = attribute_name(values.attribute)
        series: SeriesList = []
        too_many = bool(counts[OTHERS].any())
        for side, word in enumerate(("baseline", "selection")):
            sums = counts[:, side].sum(axis=1)
            if not sums.any():
                continue
            present = np.flatnonzero(sums[OTHERS + 1 :]) + OTHERS + 1
            too_many = too_many or len(present) > self._top
            best = sorted(present.tolist(), key=lambda one: (-sums[one], repr(values.texts[one])))
            for number in best[: self._top]:
                labels: Labels = ((META_TYPE, word), (name, values.texts[number]))
                series.append(Series(labels, counts[number, side].astype(np.float64)))
            total = counts[:, side].sum(axis=0).astype(np.float64)
            series.append(Series(((META_TYPE, f"{word}_total"), (name, "nil")), total))
        if too_many:
            nothing = np.zeros(self._intervals.count)
            series.append(Series(((META_ERROR, TOO_MANY), (name, "nil")), nothing))
        return series


class _Values:
    """The numbers of one attribute's values, and their counts by (value, side, interval).

    Side 0 is the baseline, side 1 the selection; value 0 stands for all that came too late.
    """

    def __init__(self, attribute: Attribute) -> None:
        self.attribute = attribute
        self.texts: list[Value] = [None]
        self.counts: npt.NDArray[np.int32] = np.zeros(0, np.int32)
        self._numbers: dict[object, int] = {None: MISSING}
        if attribute.scope is AttributeScope.INTRINSIC:
            # An empty one, such as the message of a span without one, is no value to tell spans by.
            self._numbers[""] = MISSING

    def numbers(self, column: Column) -> Ints:
        """A number for each distinct value of a column; -1 for a missing one."""
        keys = [value if type(value) is str else self._key(value) for value in column.values]
        found = [self._numbers.get(key, _UNKNOWN) for key in keys]
        numbers: Ints = np.array(found or [MISSING], np.int64)
        unknown = np.flatnonzero(numbers == _UNKNOWN)
        room = MAX_VALUES + 1 - len(self.texts)
        if len(unknown) and room:
            # The frequent ones first: they are those worth a number of their own.
            often = np.bincount(column.codes, minlength=len(keys))[unknown]
            for code in unknown[np.argsort(-often, kind="stable")[:room]].tolist():
                numbers[code] = self._numbers[keys[code]] = len(self.texts)
                self.texts.append(shown(self.attribute, _single(column.values[code])))
        numbers[numbers == _UNKNOWN] = OTHERS
        return numbers

    def _key(self, value: Value) -> object:
        """What tells values apart; 1, 1.0 and True are three, and a text is its own key."""
        one = _single(value)
        if isinstance(one, str):
            return one
        return (type(one), one) if isinstance(one, bool | int | float) else None


def _single(value: Value) -> Value:
    """The first of several values, which stands for all of them."""
    return value[0] if isinstance(value, tuple) and value else value

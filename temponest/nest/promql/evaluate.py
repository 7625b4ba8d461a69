"""The evaluator: a tree and a grid of times to a value, all steps at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from . import binary, durations, instant
from .aggregate import aggregated
from .annotations import Annotations
from .errors import ExecutionError
from .functions import FUNCTIONS
from .functions.call import Call
from .info import Info
from .native.arithmetic import hinted
from .select import Reader
from .tree import (
    SETS,
    Aggregation,
    Binary,
    DurationExpression,
    Expression,
    FunctionCall,
    Number,
    Paren,
    Range,
    Selector,
    String,
    Subquery,
    Unary,
    unwrapped,
)
from .values import (
    NAME,
    Histograms,
    Labels,
    Matrix,
    Samples,
    Scalar,
    Text,
    Times,
    Value,
    Vector,
    empty,
    merged,
    without_name,
)

# A sample stands for five minutes, unless its series ends before.
LOOKBACK_MS = 300_000
# The step of a subquery that names none.
DEFAULT_STEP_MS = 60_000
# Functions that know what to do with samples beyond their window.
_EXTENDED = {
    "anchored": frozenset({"changes", "delta", "increase", "rate", "resets"}),
    "smoothed": frozenset({"delta", "increase", "rate"}),
}


@dataclass(frozen=True, slots=True)
class Bounds:
    """The first and last time of the query itself and its step: what `start()`, `end()` and `step()` mean."""

    start_ms: int
    end_ms: int
    step_ms: int

    @property
    def range_ms(self) -> int:
        """From the first time to the last."""
        return self.end_ms - self.start_ms


class Evaluator:
    """Evaluates the nodes of one query.

    Args:
        reader: reads selectors.
        bounds: of the query.
        notes: takes annotations.
        check: called between nodes; raises to stop the query.
        lookback_ms: how long a sample stands for.
    """

    def __init__(
        self,
        reader: Reader,
        bounds: Bounds,
        notes: Annotations,
        check: Callable[[], None],
        lookback_ms: int = LOOKBACK_MS,
    ) -> None:
        self._reader = reader
        self._bounds = bounds
        self._notes = notes
        self._check = check
        self._lookback_ms = lookback_ms

    def evaluate(self, node: Expression, times: Times) -> Value:
        """The value of a node at each time.

        Raises:
            QueryError: the expression means nothing.
            ExecutionError: this data has no answer to it.
        """
        self._check()
        match node:
            case Number():
                return Scalar(np.full(len(times), node.value))
            case String():
                return Text(node.value)
            case Paren():
                return self.evaluate(node.expression, times)
            case Unary():
                return self._signed(node, times)
            case Selector():
                return self._instant(node, times)
            case Range():
                return self._range(node, times)
            case Subquery():
                return self._subquery(node, times)
            case FunctionCall():
                return self._call(node, times)
            case Aggregation():
                return self._aggregate(node, times)
            case Binary():
                return self._binary(node, times)

    def vector(self, node: Expression, times: Times) -> Vector:
        """The value of a node that was checked to be an instant vector."""
        value = self.evaluate(node, times)
        assert isinstance(value, Vector)  # noqa: S101 - check.py checks types
        return value

    def _signed(self, node: Unary, times: Times) -> Value:
        value = self.evaluate(node.expression, times)
        if node.operator == "+":
            return value
        if isinstance(value, Scalar):
            return Scalar(-value.values)
        minus = Binary(
            "*", node.expression, Number(-1.0, node.span), binary.PLAIN, as_bool=False, span=node.span
        )
        assert isinstance(value, Vector)  # noqa: S101 - check.py checks types
        return binary.with_scalar(minus, value, Scalar(np.full(len(times), -1.0)), self._notes, swapped=False)

    def _duration(self, value: DurationExpression, *, signed: bool = False) -> int:
        return durations.milliseconds(value, self._bounds.step_ms, self._bounds.range_ms, signed=signed)

    def shifted(self, node: Selector | Subquery, times: Times) -> Times:
        """The times a selector looks at: moved by `offset`, pinned by `@`."""
        if node.at is not None:
            pinned = {"start": self._bounds.start_ms, "end": self._bounds.end_ms}.get(str(node.at))
            times = np.full(len(times), int(node.at) if pinned is None else pinned, dtype=np.int64)
        return times - self._duration(node.offset, signed=True)

    def _instant(self, node: Selector, times: Times, *, of_times: bool = False) -> Vector:
        looked = self.shifted(node, times)
        beyond = self._lookback_ms if node.extension == "smoothed" else 0
        first, last = int(looked.min()) - self._lookback_ms, int(looked.max()) + beyond
        found = self._reader.read(node.matchers, first, last)
        if node.extension == "anchored":
            raise ExecutionError("anchored modifier can only be used with range vectors")
        if node.extension == "smoothed":
            return instant.smoothed(found, looked, self._lookback_ms, node, self._notes)
        return instant.newest(found, looked, self._lookback_ms, of_times=of_times)

    def _range(self, node: Range, times: Times) -> Matrix:
        selector = node.selector
        ends = self.shifted(selector, times)
        starts = ends - self._duration(node.duration)
        reach = self._lookback_ms if selector.extension else 0
        beyond = reach if selector.extension == "smoothed" else 0
        found = self._reader.read(selector.matchers, int(starts.min()) - reach, int(ends.max()) + beyond)
        series = [series for series, _ in found if len(series.times)]
        return Matrix(series, starts, ends, selector.extension, reach, self._check)

    def _subquery(self, node: Subquery, times: Times) -> Matrix:
        ends = self.shifted(node, times)
        starts = ends - self._duration(node.duration)
        step = DEFAULT_STEP_MS if node.step is None else self._duration(node.step)
        # Inner steps are multiples of the step, whatever the query's own times are.
        first = int(starts.min()) // step * step + step
        inner = np.arange(first, int(ends.max()) + 1, step, dtype=np.int64)
        if not len(inner):
            return Matrix([], starts, ends)
        value = self.vector(node.expression, inner)
        series = []
        for row, (labels, values, there) in enumerate(
            zip(value.labels, value.values, value.present, strict=True)
        ):
            if there.any():
                native = None if value.histograms is None else _unhinted(value.histograms[row][there])
                series.append(Samples(labels, inner[there], values[there], native))
        return Matrix(series, starts, ends, check=self._check)

    def _call(self, node: FunctionCall, times: Times) -> Value:
        special = _SPECIAL.get(node.name)
        if special is not None:
            return special(self, node, times)
        arguments = [self.evaluate(argument, times) for argument in node.arguments]
        for argument in arguments:
            if isinstance(argument, Matrix) and argument.extension:
                safe = _EXTENDED[argument.extension]
                if node.name not in safe:
                    raise ExecutionError(
                        f"{argument.extension} modifier can only be used with: {', '.join(sorted(safe))}"
                        f" - not with {node.name}"
                    )
        with np.errstate(all="ignore"):
            value = FUNCTIONS[node.name](Call(node, arguments, times, self._notes))
        return merged(value, node.name) if isinstance(value, Vector) else value

    def _aggregate(self, node: Aggregation, times: Times) -> Vector:
        vector = self.vector(node.expression, times)
        parameter = None if node.parameter is None else self.evaluate(node.parameter, times)
        assert parameter is None or isinstance(parameter, Scalar | Text)  # noqa: S101 - check.py checks types
        with np.errstate(all="ignore"):
            return aggregated(node, vector, parameter, self._notes)

    def _binary(self, node: Binary, times: Times) -> Value:
        left, right = self.evaluate(node.left, times), self.evaluate(node.right, times)
        with np.errstate(all="ignore"):
            if isinstance(left, Scalar) and isinstance(right, Scalar):
                return binary.scalars(node.operator, left, right)
            if isinstance(left, Vector) and isinstance(right, Scalar):
                return binary.with_scalar(node, left, right, self._notes, swapped=False)
            if isinstance(left, Scalar) and isinstance(right, Vector):
                return binary.with_scalar(node, right, left, self._notes, swapped=True)
            assert isinstance(left, Vector) and isinstance(right, Vector)  # noqa: S101, PT018 - check.py checks types
            if node.operator in SETS:
                return binary.sets(node.operator, left, right, node.matching)
            return binary.vectors(node, left, right, self._notes)

    def _absent(self, node: FunctionCall, times: Times) -> Vector:
        argument = node.arguments[0]
        value = self.evaluate(argument, times)
        there = np.zeros(len(times), dtype=bool)
        if isinstance(value, Matrix):
            for series in value.series:
                first = np.searchsorted(series.times, value.starts, side="right")
                there |= np.searchsorted(series.times, value.ends, side="right") > first
        elif isinstance(value, Vector):
            there = np.any(value.present, axis=0)
        if there.all():
            return empty(len(times))
        ones = np.ones((1, len(times)))
        return Vector([_equal_labels(argument)], ones, ~there.reshape(1, -1))

    def _scalar(self, node: FunctionCall, times: Times) -> Scalar:
        vector = self.vector(node.arguments[0], times)
        numbers = vector.numbers()
        single = numbers.sum(axis=0) == 1
        values = np.where(numbers, vector.values, 0.0).sum(axis=0)
        return Scalar(np.where(single, values, np.nan))

    def _vector(self, node: FunctionCall, times: Times) -> Vector:
        scalar = self.evaluate(node.arguments[0], times)
        assert isinstance(scalar, Scalar)  # noqa: S101 - check.py checks types
        return Vector([{}], scalar.values.reshape(1, -1), np.ones((1, len(times)), dtype=bool))

    def _timestamp(self, node: FunctionCall, times: Times) -> Vector:
        argument = unwrapped(node.arguments[0])
        if isinstance(argument, Selector):
            vector = self._instant(argument, times, of_times=True)
        else:
            value = self.vector(argument, times)
            vector = Vector(value.labels, np.broadcast_to(times / 1000, value.values.shape), value.present)
        return merged(vector.relabelled([without_name(one) for one in vector.labels]), "timestamp")

    def _info(self, node: FunctionCall, times: Times) -> Vector:
        return Info(self, self._reader, self._lookback_ms).joined(node, times)

    def _extreme(self, node: FunctionCall, times: Times) -> Scalar:
        left, right = (self.evaluate(argument, times) for argument in node.arguments)
        assert isinstance(left, Scalar) and isinstance(right, Scalar)  # noqa: S101, PT018 - check.py checks types
        choose = np.minimum if node.name == "min_of" else np.maximum
        return Scalar(choose(left.values, right.values))

    def _constant(self, node: FunctionCall, times: Times) -> Scalar:
        milliseconds = {
            "start": self._bounds.start_ms,
            "end": self._bounds.end_ms,
            "step": self._bounds.step_ms,
            "range": self._bounds.range_ms,
        }
        value = np.pi if node.name == "pi" else milliseconds[node.name] / 1000
        return Scalar(np.full(len(times), value))

    def _time(self, _: FunctionCall, times: Times) -> Scalar:
        return Scalar(times / 1000)


def _unhinted(histograms: Histograms) -> Histograms:
    """Histograms of a subquery, which may have one sample at several times or leave some out.

    What was known of the sample before one is true of another sample there.
    """
    found: Histograms = np.full(len(histograms), None, dtype=object)
    for index, one in enumerate(histograms):
        found[index] = hinted(one, "") if one is not None and one.hint != "gauge" else one
    return found


_SPECIAL: dict[str, Callable[[Evaluator, FunctionCall, Times], Value]] = {
    "absent": Evaluator._absent,
    "absent_over_time": Evaluator._absent,
    "info": Evaluator._info,
    "max_of": Evaluator._extreme,
    "min_of": Evaluator._extreme,
    "scalar": Evaluator._scalar,
    "time": Evaluator._time,
    "timestamp": Evaluator._timestamp,
    "vector": Evaluator._vector,
    **dict.fromkeys(("end", "pi", "range", "start", "step"), Evaluator._constant),
}
# Functions that need to know the grid, the tree or the reader, so that they are in none of the families.
BY_EVALUATOR = frozenset(_SPECIAL)


def _equal_labels(node: Expression) -> Labels:
    """The labels that a selector asks for by `=`, each once: what `absent` answers with."""
    node = unwrapped(node)
    selector = node.selector if isinstance(node, Range) else node
    if not isinstance(selector, Selector):
        return {}
    names = [matcher.name for matcher in selector.matchers]
    return {
        matcher.name: matcher.value
        for matcher in selector.matchers
        if matcher.operator == "="
        and matcher.value
        and names.count(matcher.name) == 1
        and matcher.name != NAME
    }

"""The evaluator: a tree and a grid of times to a value, all steps at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import promql_parser as pp

from . import aggregate, binary
from .binary import Matching
from .functions import FUNCTIONS
from .functions.call import Call
from .select import Reader, milliseconds
from .values import (
    NAME,
    ExecutionError,
    Labels,
    Mask,
    Matrix,
    QueryError,
    Samples,
    Scalar,
    Text,
    Times,
    Value,
    Vector,
    empty,
    merged,
    stack,
    without_name,
)

# A sample stands for five minutes, unless its series ends before.
LOOKBACK_MS = 300_000
# The step of a subquery that names none.
DEFAULT_STEP_MS = 60_000


@dataclass(frozen=True, slots=True)
class Bounds:
    """The first and last time of the query itself, which `@ start()` and `@ end()` mean."""

    start_ms: int
    end_ms: int


class Evaluator:
    """Evaluates the nodes of one query.

    Args:
        reader: reads selectors.
        bounds: of the query.
        warn: takes annotations.
        check: called between nodes; raises to stop the query.
        lookback_ms: how long a sample stands for.
    """

    def __init__(
        self,
        reader: Reader,
        bounds: Bounds,
        warn: Callable[[str], None],
        check: Callable[[], None],
        lookback_ms: int = LOOKBACK_MS,
    ) -> None:
        self._reader = reader
        self._bounds = bounds
        self._warn = warn
        self._check = check
        self._lookback_ms = lookback_ms

    def evaluate(self, node: pp.Expr, times: Times) -> Value:
        """The value of a node at each time.

        Raises:
            QueryError: the expression means nothing.
            ExecutionError: this data has no answer to it.
        """
        self._check()
        match node:
            case pp.NumberLiteral():
                return Scalar(np.full(len(times), node.val))
            case pp.StringLiteral():
                return Text(node.val)
            case pp.ParenExpr():
                return self.evaluate(node.expr, times)
            case pp.UnaryExpr():
                return self._negated(self.evaluate(node.expr, times))
            case pp.VectorSelector():
                return self._instant(node, times)
            case pp.MatrixSelector():
                return self._range(node, times)
            case pp.SubqueryExpr():
                return self._subquery(node, times)
            case pp.Call():
                return self._call(node, times)
            case pp.AggregateExpr():
                return self._aggregate(node, times)
            case pp.BinaryExpr():
                return self._binary(node, times)
        raise QueryError(f"{type(node).__name__} is not supported here")

    @staticmethod
    def _negated(value: Value) -> Value:
        if isinstance(value, Scalar):
            return Scalar(-value.values)
        if not isinstance(value, Vector):
            raise QueryError("a minus sign stands before scalars and instant vectors only")
        labels = [without_name(one) for one in value.labels]
        return merged(Vector(labels, -value.values, value.present.copy()), "unary minus")

    def _shifted(self, node: pp.VectorSelector | pp.SubqueryExpr, times: Times) -> Times:
        """The times a selector looks at: moved by `offset`, pinned by `@`."""
        at = node.at
        if at is not None:
            kind = str(at.type)
            if kind.endswith("Start"):
                pinned = self._bounds.start_ms
            elif kind.endswith("End"):
                pinned = self._bounds.end_ms
            else:
                assert at.at is not None  # noqa: S101 - that is what the third kind carries
                pinned = round(at.at.timestamp() * 1000)
            times = np.full(len(times), pinned, dtype=np.int64)
        return times - milliseconds(node.offset)

    def _instant(self, node: pp.VectorSelector, times: Times, *, of_times: bool = False) -> Vector:
        """The newest sample of each series within the lookback; with `of_times` its time in seconds."""
        looked = self._shifted(node, times)
        found = self._reader.read(node, int(looked.min()) - self._lookback_ms, int(looked.max()))
        labels: list[Labels] = []
        values: list[np.ndarray] = []
        present: list[Mask] = []
        for series, ended in found:
            index = np.searchsorted(series.times, looked, side="right") - 1
            there = index >= 0
            if not len(series.times):
                continue
            newest = series.times[np.maximum(index, 0)]
            there &= newest > looked - self._lookback_ms
            if len(ended):
                last_end = np.searchsorted(ended, looked, side="right") - 1
                there &= (last_end < 0) | (ended[np.maximum(last_end, 0)] < newest)
            if there.any():
                safe = np.maximum(index, 0)
                labels.append(series.labels)
                values.append(newest / 1000 if of_times else series.values[safe])
                present.append(there)
        return stack(labels, values, present, len(times))

    def _range(self, node: pp.MatrixSelector, times: Times) -> Matrix:
        selector = node.vector_selector
        ends = self._shifted(selector, times)
        starts = ends - milliseconds(node.range)
        found = self._reader.read(selector, int(starts.min()), int(ends.max()))
        return Matrix([series for series, _ in found if len(series.times)], starts, ends)

    def _subquery(self, node: pp.SubqueryExpr, times: Times) -> Matrix:
        ends = self._shifted(node, times)
        starts = ends - milliseconds(node.range)
        step = milliseconds(node.step) or DEFAULT_STEP_MS
        # Inner steps are multiples of the step, whatever the query's own times are.
        first = int(starts.min()) // step * step + step
        inner = np.arange(first, int(ends.max()) + 1, step, dtype=np.int64)
        if not len(inner):
            return Matrix([], starts, ends)
        value = self.evaluate(node.expr, inner)
        if isinstance(value, Scalar):
            value = Vector([{}], value.values.reshape(1, -1), np.ones((1, len(inner)), dtype=bool))
        if not isinstance(value, Vector):
            raise QueryError("a subquery needs an instant vector")
        series = [
            Samples(labels, inner[there], values[there])
            for labels, values, there in zip(value.labels, value.values, value.present, strict=True)
            if there.any()
        ]
        return Matrix(series, starts, ends)

    def _call(self, node: pp.Call, times: Times) -> Value:
        name = node.func.name
        special = _SPECIAL.get(name)
        if special is not None:
            return special(self, node, times)
        function = FUNCTIONS.get(name)
        if function is None:
            raise QueryError(f"the function {name} is not supported by this server")
        arguments = [self.evaluate(argument, times) for argument in node.args]
        with np.errstate(all="ignore"):
            value = function(Call(name, arguments, times, self._warn))
        return merged(value, name) if isinstance(value, Vector) else value

    def _aggregate(self, node: pp.AggregateExpr, times: Times) -> Vector:
        vector = self.evaluate(node.expr, times)
        if not isinstance(vector, Vector):
            raise QueryError("an aggregation needs an instant vector")
        name = str(node.op)
        modifier = node.modifier
        labels = list(modifier.labels) if modifier is not None else []
        without = modifier is not None and str(modifier.type).endswith("Without")
        with np.errstate(all="ignore"):
            if name in aggregate.SIMPLE:
                return aggregate.simple(name, vector, labels, without=without)
            parameter = self.evaluate(node.param, times) if node.param is not None else None
            if name == "count_values" and isinstance(parameter, Text):
                return aggregate.count_values(vector, parameter.value, labels, without=without)
            if not isinstance(parameter, Scalar):
                raise QueryError(f"{name} needs a number before its vector")
            if name == "quantile":
                return aggregate.quantiles(vector, parameter.values, labels, without=without)
            if name in {"topk", "bottomk"}:
                return aggregate.ranked(name, vector, parameter.values, labels, without=without)
            if name == "limitk":
                return aggregate.limited(vector, parameter.values, labels, without=without)
        raise QueryError(f"the aggregation {name} is not supported by this server")

    def _binary(self, node: pp.BinaryExpr, times: Times) -> Value:
        operator = str(node.op)
        left, right = self.evaluate(node.lhs, times), self.evaluate(node.rhs, times)
        as_bool = node.modifier is not None and bool(node.modifier.return_bool)
        with np.errstate(all="ignore"):
            if isinstance(left, Scalar) and isinstance(right, Scalar):
                return binary.scalars(operator, left, right)
            if isinstance(left, Vector) and isinstance(right, Scalar):
                return binary.with_scalar(operator, left, right, swapped=False, as_bool=as_bool)
            if isinstance(left, Scalar) and isinstance(right, Vector):
                return binary.with_scalar(operator, right, left, swapped=True, as_bool=as_bool)
            if isinstance(left, Vector) and isinstance(right, Vector):
                matching = _matching(node)
                if operator in binary.SETS:
                    return binary.sets(operator, left, right, matching)
                return binary.vectors(operator, left, right, matching, as_bool=as_bool)
        raise QueryError(f"{operator} stands between scalars and instant vectors only")

    def _absent(self, node: pp.Call, times: Times) -> Vector:
        argument = node.args[0]
        value = self.evaluate(argument, times)
        if isinstance(value, Matrix):
            there = np.zeros(len(times), dtype=bool)
            for series in value.series:
                first = np.searchsorted(series.times, value.starts, side="right")
                there |= np.searchsorted(series.times, value.ends, side="right") > first
        elif isinstance(value, Vector):
            there = np.any(value.present, axis=0)
        else:
            raise QueryError("absent needs a vector")
        if there.all():
            return empty(len(times))
        ones = np.ones((1, len(times)))
        return Vector([_equal_labels(argument)], ones, ~there.reshape(1, -1))

    def _scalar(self, node: pp.Call, times: Times) -> Scalar:
        vector = self.evaluate(node.args[0], times)
        if not isinstance(vector, Vector):
            raise QueryError("scalar needs an instant vector")
        single = vector.present.sum(axis=0) == 1
        values = np.where(vector.present, vector.values, 0.0).sum(axis=0)
        return Scalar(np.where(single, values, np.nan))

    def _vector(self, node: pp.Call, times: Times) -> Vector:
        scalar = self.evaluate(node.args[0], times)
        if not isinstance(scalar, Scalar):
            raise QueryError("vector needs a scalar")
        return Vector([{}], scalar.values.reshape(1, -1), np.ones((1, len(times)), dtype=bool))

    def _timestamp(self, node: pp.Call, times: Times) -> Vector:
        argument = node.args[0]
        while isinstance(argument, pp.ParenExpr):
            argument = argument.expr
        if isinstance(argument, pp.VectorSelector):
            vector = self._instant(argument, times, of_times=True)
        else:
            value = self.evaluate(argument, times)
            if not isinstance(value, Vector):
                raise QueryError("timestamp needs an instant vector")
            vector = Vector(value.labels, np.broadcast_to(times / 1000, value.values.shape), value.present)
        labels = [without_name(one) for one in vector.labels]
        return merged(Vector(labels, vector.values.copy(), vector.present.copy()), "timestamp")

    @staticmethod
    def _time(_: pp.Call, times: Times) -> Scalar:
        return Scalar(times / 1000)

    @staticmethod
    def _pi(_: pp.Call, times: Times) -> Scalar:
        return Scalar(np.full(len(times), np.pi))


_SPECIAL: dict[str, Callable[[Evaluator, pp.Call, Times], Value]] = {
    "absent": Evaluator._absent,
    "absent_over_time": Evaluator._absent,
    "scalar": Evaluator._scalar,
    "vector": Evaluator._vector,
    "timestamp": Evaluator._timestamp,
    "time": lambda _, node, times: Evaluator._time(node, times),
    "pi": lambda _, node, times: Evaluator._pi(node, times),
}


def _matching(node: pp.BinaryExpr) -> Matching:
    modifier = node.modifier
    if modifier is None:
        return Matching()
    matching = modifier.matching
    card = str(modifier.card)
    many = {"VectorMatchCardinality.ManyToOne": "left", "VectorMatchCardinality.OneToMany": "right"}
    return Matching(
        on=matching is not None and str(matching.type).endswith("Include"),
        labels=tuple(matching.labels) if matching is not None else (),
        many=many.get(card, ""),
        include=tuple(modifier.group_labels or ()),
    )


def _equal_labels(node: pp.Expr) -> Labels:
    """The labels that a selector asks for by `=`, each once: what `absent` answers with."""
    while isinstance(node, pp.ParenExpr):
        node = node.expr
    selector = node.vector_selector if isinstance(node, pp.MatrixSelector) else node
    if not isinstance(selector, pp.VectorSelector):
        return {}
    matchers: Sequence[pp.Matcher] = selector.matchers.matchers
    names = [matcher.name for matcher in matchers]
    return {
        matcher.name: matcher.value
        for matcher in matchers
        if str(matcher.op) == "MatchOp.Equal" and names.count(matcher.name) == 1 and matcher.name != NAME
    }


__all__ = ["Bounds", "Evaluator", "ExecutionError"]

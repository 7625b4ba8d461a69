"""PromQL by its grammar, from a seed: queries that mean something and ones that only look like it."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Vocabulary:
    """What a generated query may be about.

    Attributes:
        gauges: names of metrics that go up and down.
        counters: names of metrics that only grow.
        buckets: names of classic histograms' buckets.
        natives: names of native histograms.
        labels: labels with some of their values.
    """

    gauges: Sequence[str]
    counters: Sequence[str]
    buckets: Sequence[str]
    natives: Sequence[str]
    labels: dict[str, Sequence[str]]


_MATH = (
    "abs",
    "ceil",
    "floor",
    "exp",
    "sqrt",
    "ln",
    "sgn",
    "round",
    "sin",
    "atan",
    "deg",
    "timestamp",
    "-",
    "+",
)
_OVER_TIME = [
    "avg_over_time",
    "min_over_time",
    "max_over_time",
    "sum_over_time",
    "count_over_time",
    "last_over_time",
    "present_over_time",
    "stddev_over_time",
    "stdvar_over_time",
    "changes",
    "resets",
    "delta",
    "deriv",
    "idelta",
]
_RATES = ("rate", "increase", "irate")
_AGGREGATIONS = ("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar")
_BINARY = ("+", "-", "*", "/", "%", "^", "atan2", "==", "!=", ">", "<", ">=", "<=", "and", "or", "unless")
_NATIVE = ("histogram_count", "histogram_sum", "histogram_avg", "histogram_stddev", "histogram_stdvar")
_COMPARISONS = frozenset({"==", "!=", ">", "<", ">=", "<="})


class Generator:
    """Makes queries.

    Args:
        seed: of the choices.
        vocabulary: names to choose from.
    """

    def __init__(self, seed: int, vocabulary: Vocabulary) -> None:
        self._random = random.Random(seed)  # noqa: S311 - queries of a test, not secrets
        self._words = vocabulary

    def query(self, depth: int = 3) -> str:
        """A query that gives an instant vector or a scalar."""
        return self._scalar(depth) if self._random.random() < 0.05 else self._vector(depth)

    def _pick(self, some: Sequence[str]) -> str:
        return self._random.choice(some)

    def _vector(self, depth: int) -> str:
        if depth <= 0:
            return self._selector(self._pick([*self._words.gauges, *self._words.counters]))
        kinds: list[Callable[[int], str]] = [
            self._plain,
            self._function,
            self._over_time,
            self._over_time,
            self._rate,
            self._aggregation,
            self._aggregation,
            self._with_scalar,
            self._between,
            self._between,
            self._quantile,
            self._native,
            self._labels,
            self._subquery,
            self._ranked,
            self._absent,
        ]
        return self._random.choice(kinds)(depth)

    def _plain(self, _: int) -> str:
        every = [*self._words.gauges, *self._words.counters, *self._words.buckets, *self._words.natives]
        return self._selector(self._pick(every))

    def _selector(self, name: str) -> str:
        matchers = []
        for label, values in self._words.labels.items():
            if self._random.random() < 0.2:
                operator = self._pick(["=", "!=", "=~", "!~"])
                value = self._pick([*values, "", "none"])
                value = f"{value}|x.*" if "~" in operator and self._random.random() < 0.5 else value
                matchers.append(f'{label}{operator}"{value}"')
        return name + (f"{{{','.join(matchers)}}}" if matchers else "")

    def _modified(self, text: str) -> str:
        chance = self._random.random()
        if chance < 0.1:
            return f"{text} offset {self._pick(['30s', '2m', '-1m', '1m30s'])}"
        if chance < 0.15:
            return f"{text} @ {self._pick(['start()', 'end()'])}"
        return text

    def _range(self, name: str) -> str:
        window = self._pick(["15s", "1m", "2m", "5m", "90s"])
        return self._modified(f"{self._selector(name)}[{window}]")

    def _function(self, depth: int) -> str:
        name = self._pick(_MATH)
        inner = self._vector(depth - 1)
        if name in {"-", "+"}:
            return f"{name}({inner})"
        return f"{name}({inner})"

    def _over_time(self, _: int) -> str:
        chance = self._random.random()
        window = self._range(self._pick([*self._words.gauges, *self._words.counters]))
        if chance < 0.1:
            return f"quantile_over_time({self._pick(['0', '0.3', '0.9', '1'])}, {window})"
        if chance < 0.15:
            return f"predict_linear({window}, 60)"
        return f"{self._pick(_OVER_TIME)}({window})"

    def _rate(self, _: int) -> str:
        return f"{self._pick(_RATES)}({self._range(self._pick(self._words.counters))})"

    def _grouping(self) -> str:
        chance = self._random.random()
        if chance < 0.3:
            return ""
        labels = [label for label in self._words.labels if self._random.random() < 0.4]
        return f" {'by' if chance < 0.7 else 'without'} ({', '.join(labels)}) "

    def _aggregation(self, depth: int) -> str:
        inner, grouping = self._vector(depth - 1), self._grouping()
        if self._random.random() < 0.1:
            return f"quantile{grouping}({self._pick(['0.1', '0.5', '1'])}, {inner})"
        return f"{self._pick(_AGGREGATIONS)}{grouping}({inner})"

    def _ranked(self, depth: int) -> str:
        name = self._pick(["topk", "bottomk", "count_values"])
        parameter = '"value"' if name == "count_values" else self._pick(["1", "2", "5"])
        return f"{name}{self._grouping()}({parameter}, {self._vector(depth - 1)})"

    def _scalar(self, depth: int) -> str:
        if depth <= 0 or self._random.random() < 0.6:
            return self._pick(["0", "1", "2.5", "-3", "1e3", "Inf", "NaN", "time()", "pi()", "0x1F"])
        if self._random.random() < 0.5:
            return f"scalar({self._vector(depth - 1)})"
        operator = self._pick(["+", "-", "*", "/", "%", "^"])
        return f"({self._scalar(depth - 1)} {operator} {self._scalar(depth - 1)})"

    def _with_scalar(self, depth: int) -> str:
        operator = self._pick(_BINARY[:13])
        bool_word = " bool" if operator in _COMPARISONS and self._random.random() < 0.3 else ""
        left, right = f"({self._vector(depth - 1)})", self._scalar(depth - 1)
        if self._random.random() < 0.3:
            left, right = right, left
        return f"{left} {operator}{bool_word} {right}"

    def _between(self, depth: int) -> str:
        operator = self._pick(_BINARY)
        bool_word = " bool" if operator in _COMPARISONS and self._random.random() < 0.3 else ""
        matching = ""
        if self._random.random() < 0.6:
            labels = [label for label in self._words.labels if self._random.random() < 0.5]
            matching = f" {self._pick(['on', 'ignoring'])} ({', '.join(labels)})"
            if operator not in {"and", "or", "unless"} and self._random.random() < 0.5:
                matching += f" {self._pick(['group_left', 'group_right'])}()"
        return f"({self._vector(depth - 1)}) {operator}{bool_word}{matching} ({self._vector(depth - 1)})"

    def _quantile(self, _: int) -> str:
        q = self._pick(["0", "0.1", "0.5", "0.95", "1", "2", "NaN"])
        name = self._pick(self._words.buckets)
        labels = [label for label in self._words.labels if self._random.random() < 0.5]
        inner = f"rate({self._range(name)})"
        if self._random.random() < 0.5:
            inner = f"sum by (le, {', '.join(labels)}) ({inner})" if labels else f"sum by (le) ({inner})"
        if self._random.random() < 0.2:
            return f"histogram_fraction(0, {self._pick(['0.1', '0.7', '10'])}, {inner})"
        return f"histogram_quantile({q}, {inner})"

    def _native(self, _: int) -> str:
        name = self._pick(self._words.natives)
        inner = self._pick(
            [
                f"rate({self._range(name)})",
                f"increase({self._range(name)})",
                f"sum{self._grouping()}(rate({self._range(name)}))",
                f"avg_over_time({self._range(name)})",
                self._modified(self._selector(name)),
                f"({self._selector(name)} * 2 - {self._selector(name)})",
            ]
        )
        chance = self._random.random()
        if chance < 0.3:
            return f"histogram_quantile({self._pick(['0.1', '0.5', '0.99'])}, {inner})"
        if chance < 0.4:
            return f"histogram_fraction(0, {self._pick(['0.1', '2'])}, {inner})"
        return f"{self._pick(_NATIVE)}({inner})" if chance < 0.7 else inner

    def _labels(self, depth: int) -> str:
        inner = self._vector(depth - 1)
        label = self._pick(list(self._words.labels))
        if self._random.random() < 0.5:
            return f'label_replace({inner}, "new", "$1-x", "{label}", "(.).*")'
        return f'label_join({inner}, "new", "/", "{label}", "job")'

    def _subquery(self, depth: int) -> str:
        inner = self._vector(depth - 2)
        step = self._pick(["15s", "30s", "1m"])
        return f"{self._pick(_OVER_TIME)}({self._modified(f'({inner})[3m:{step}]')})"

    def _absent(self, _: int) -> str:
        name = self._pick([*self._words.gauges, "nothing"])
        return f"absent({self._selector(name)})"

"""`info`: the labels of info metrics such as `target_info` on the series they describe."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from ..model.series import Matcher, MatchOperator
from .check import matches
from .errors import ExecutionError
from .instant import newest
from .tree import Expression, FunctionCall, Selector, Subquery, children, unwrapped
from .values import NAME, Labels, Times, Vector, key, merged, shown

if TYPE_CHECKING:
    from .evaluate import Evaluator
    from .select import Reader

# What tells which target a series is of; Prometheus takes these two, too.
_IDENTIFYING = ("instance", "job")
_DEFAULT = Matcher(NAME, MatchOperator.EQ, "target_info")
_ANY = Matcher(NAME, MatchOperator.MATCH, ".+_info")

Key = tuple[tuple[str, str], ...]


class Info:
    """Evaluates calls of `info`.

    Args:
        evaluator: evaluates the series to be described.
        reader: reads the info metrics.
        lookback_ms: how long a sample stands for.
    """

    def __init__(self, evaluator: Evaluator, reader: Reader, lookback_ms: int) -> None:
        self._evaluator = evaluator
        self._reader = reader
        self._lookback_ms = lookback_ms

    def joined(self, node: FunctionCall, times: Times) -> Vector:
        """The series of the first argument with labels of the info metrics of the same instance and job.

        Raises:
            ExecutionError: two info series of one name fit at one time, or give one label two values.
        """
        base = self._evaluator.vector(node.arguments[0], times)
        wanted = unwrapped(node.arguments[1]) if len(node.arguments) > 1 else None
        matchers = wanted.matchers if isinstance(wanted, Selector) else ()
        names = _name_matchers([one for one in matchers if one.name == NAME])
        data = [one for one in matchers if one.name != NAME]
        ignored = [all(matches(one, labels.get(NAME, "")) for one in names) for labels in base.labels]
        described = [labels for labels, skip in zip(base.labels, ignored, strict=True) if not skip]
        infos = self._infos(node.arguments[0], described, [*names, *data], times)
        return self._combined(base, ignored, infos, data)

    def _infos(
        self, argument: Expression, described: list[Labels], matchers: list[Matcher], times: Times
    ) -> Vector:
        looked = times
        for selector in _path(argument):
            looked = self._evaluator.shifted(selector, looked)
        identifying = []
        for name in _IDENTIFYING:
            values = sorted({labels[name] for labels in described if labels.get(name)})
            if values:
                pattern = "|".join(re.escape(value) for value in values)
                identifying.append(Matcher(name, MatchOperator.MATCH, pattern))
        if not identifying:
            return newest([], looked, self._lookback_ms)
        first, last = int(looked.min()) - self._lookback_ms, int(looked.max())
        found = self._reader.read((*matchers, *identifying), first, last)
        if any(series.histograms is not None for series, _ in found):
            raise ExecutionError("info takes info metrics that are numbers, and found a native histogram")
        return newest(found, looked, self._lookback_ms, of_times=True)

    def _combined(self, base: Vector, ignored: list[bool], infos: Vector, data: list[Matcher]) -> Vector:
        steps = base.values.shape[1]
        by_target: dict[Key, list[int]] = {}
        for row, labels in enumerate(infos.labels):
            by_target.setdefault(_target(labels), []).append(row)
        wanted = {one.name for one in data}
        optional = all(matches(one, "") for one in data)
        rows: list[int] = []
        labels_of: list[Labels] = []
        present: list[np.ndarray] = []
        for row, labels in enumerate(base.labels):
            outcomes: dict[Key, np.ndarray] = {}
            for step in np.flatnonzero(base.present[row]):
                found = dict(labels)
                if not ignored[row]:
                    fitting = _current(infos, by_target.get(_target(labels), []), int(step))
                    if not fitting and not optional:
                        continue
                    found |= _added(fitting, labels, wanted)
                outcomes.setdefault(key(found), np.zeros(steps, dtype=bool))[step] = True
            for name, mask in outcomes.items():
                rows.append(row)
                labels_of.append(dict(name))
                present.append(mask)
        picked = base.rows(rows)
        mask = np.array(present, dtype=bool).reshape(len(rows), steps)
        return merged(Vector(labels_of, picked.values, mask, picked.histograms), "info")


def _name_matchers(given: list[Matcher]) -> list[Matcher]:
    if any(one.operator in {MatchOperator.EQ, MatchOperator.MATCH} for one in given):
        return given
    return [_ANY, *given] if given else [_DEFAULT]


def _path(node: Expression) -> list[Selector | Subquery]:
    """The first selector of an expression and the subqueries around it: how its times are shifted."""
    if isinstance(node, Selector):
        return [node]
    for child in children(node):
        below = _path(child)
        if below:
            return [node, *below] if isinstance(node, Subquery) else below
    return []


def _target(labels: Labels) -> Key:
    return key({name: labels.get(name, "") for name in _IDENTIFYING})


def _current(infos: Vector, rows: list[int], step: int) -> list[Labels]:
    """Of each info metric the series with the newest sample."""
    newest_of: dict[str, tuple[float, Labels]] = {}
    for row in rows:
        if not infos.present[row, step]:
            continue
        labels, at = infos.labels[row], float(infos.values[row, step])
        known = newest_of.get(labels.get(NAME, ""))
        if known is not None and known[0] == at:
            raise ExecutionError(
                f"found duplicate series for info metric: existing {shown(known[1])}, new {shown(labels)}"
            )
        if known is None or known[0] < at:
            newest_of[labels.get(NAME, "")] = (at, labels)
    return [labels for _, labels in newest_of.values()]


def _added(infos: list[Labels], labels: Labels, wanted: set[str]) -> Labels:
    added: Labels = {}
    for info in infos:
        for name, value in info.items():
            if name == NAME or (wanted and name not in wanted):
                continue
            if added.get(name, value) != value:
                raise ExecutionError(f"conflicting label: {name}")
            if name not in labels:
                added[name] = value
    return added

"""`{ a } | { b }` is `{ a && b }`: one filter that can be asked of the store as a whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..tree import Binary, Filter, Pipeline, Query, Stage
from .transform import transform


def merge_filters(query: Query) -> Query:
    """Join filters that follow one another in a pipeline."""
    return transform(query, _merged)


def _merged(node: Any) -> Any:
    if not isinstance(node, Pipeline):
        return node
    stages: list[Stage] = []
    for stage in node.stages:
        before = stages[-1] if stages else None
        if isinstance(before, Filter) and isinstance(stage, Filter):
            stages[-1] = _both(before, stage)
        else:
            stages.append(stage)
    return replace(node, stages=tuple(stages)) if len(stages) < len(node.stages) else node


def _both(first: Filter, second: Filter) -> Filter:
    if first.expression is None or second.expression is None:
        return Filter(first.expression or second.expression, first.at)
    return Filter(Binary("&&", first.expression, second.expression, second.at), first.at)

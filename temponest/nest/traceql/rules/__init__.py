"""Rewrites: functions from tree to tree that leave every answer as it is. One rule a file, run in ORDER."""

from __future__ import annotations

from collections.abc import Callable

from ..tree import Query
from .alias_names import alias_names
from .fold_constants import fold_constants
from .merge_filters import merge_filters
from .simplify_logic import simplify_logic

Rule = Callable[[Query], Query]

ORDER: tuple[Rule, ...] = (fold_constants, simplify_logic, merge_filters, alias_names)


def rewrite(query: Query) -> Query:
    """Apply every rule once, in order."""
    for rule in ORDER:
        query = rule(query)
    return query

"""Rewrites: functions from tree to tree that leave every answer as it is. One rule a file, run in ORDER."""

from __future__ import annotations

from collections.abc import Callable

from ..tree import Query
from .alias_names import alias_names

Rule = Callable[[Query], Query]

ORDER: tuple[Rule, ...] = (alias_names,)


def rewrite(query: Query) -> Query:
    """Apply every rule once, in order."""
    for rule in ORDER:
        query = rule(query)
    return query

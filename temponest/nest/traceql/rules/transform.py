"""Rebuild a tree with a function applied to every expression on one span, innermost first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import TypeVar, cast

from ..tree import FieldExpression

_Node = TypeVar("_Node")
_FIELD_NODES = ("Literal", "FieldRef", "Unary", "Binary")


def transform(node: _Node, change: Callable[[FieldExpression], FieldExpression]) -> _Node:
    """The same tree with `change` applied to each field expression; parts that stay are shared."""
    if isinstance(node, tuple):
        return cast(_Node, tuple(transform(one, change) for one in node))
    if not is_dataclass(node) or isinstance(node, type):
        return node
    changed = {}
    for one in fields(node):
        before = getattr(node, one.name)
        after = transform(before, change)
        if after is not before and after != before:
            changed[one.name] = after
    rebuilt = replace(node, **changed) if changed else node
    if type(rebuilt).__name__ in _FIELD_NODES:
        return cast(_Node, change(cast(FieldExpression, rebuilt)))
    return rebuilt

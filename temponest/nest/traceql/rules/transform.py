"""Rebuild a tree with a function applied to every node, innermost first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

_Node = TypeVar("_Node")


def transform(node: _Node, change: Callable[[Any], Any]) -> _Node:
    """The same tree with `change` applied to each node; parts that stay the same are shared."""
    result: Any = node
    if isinstance(node, tuple):
        result = tuple(transform(one, change) for one in node)
    elif is_dataclass(node) and not isinstance(node, type):
        before = {one.name: getattr(node, one.name) for one in fields(node)}
        after = {name: transform(value, change) for name, value in before.items()}
        changed = {name: value for name, value in after.items() if value != before[name]}
        result = change(replace(node, **changed) if changed else node)
    return result  # type: ignore[no-any-return]  # `change` keeps a node's place in the tree

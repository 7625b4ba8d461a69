"""Replace methods of a library's classes, and put them back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

Wrap = Callable[[Any], Any]
"""From the function found in a class to the one that takes its place."""

_INHERITED = object()


class Patches:
    """Methods replaced on behalf of one instrumentation.

    Classes are patched, never names in modules: a name that the application imported before
    (`from httpx import AsyncClient`) leads to the same class, so the order of imports is of no matter.
    """

    def __init__(self) -> None:
        self._replaced: list[tuple[Any, str, Any, Any]] = []

    def __bool__(self) -> bool:
        return bool(self._replaced)

    def replace(self, owner: Any, name: str, wrap: Wrap) -> None:
        """Put `wrap(original)` in the place of `owner.name`; skip what this version of the library lacks."""
        original = getattr(owner, name, None)
        if original is None:
            return
        replacement = wrap(original)
        self._replaced.append((owner, name, vars(owner).get(name, _INHERITED), replacement))
        setattr(owner, name, replacement)

    def undo(self) -> None:
        """Put every original back, unless somebody else has replaced ours since."""
        while self._replaced:
            owner, name, original, replacement = self._replaced.pop()
            if vars(owner).get(name) is not replacement:
                continue
            if original is _INHERITED:
                delattr(owner, name)
            else:
                setattr(owner, name, original)

"""Act on a library at the moment the application imports it, be it before or after us."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

_waiting: dict[str, list[Callable[[], None]]] = {}
_looking_up: set[str] = set()


def when_imported(module: str, act: Callable[[], None]) -> None:
    """Call `act` now when `module` is loaded already, otherwise right after the application's import of it.

    The library never imports what the application did not: a service without Redis pays nothing for it.
    """
    loaded = sys.modules.get(module)
    # A module whose body is still running has not defined its classes yet.
    if loaded is not None and not getattr(getattr(loaded, "__spec__", None), "_initializing", False):
        act()
        return
    _waiting.setdefault(module, []).append(act)
    if _finder not in sys.meta_path:
        sys.meta_path.insert(0, _finder)


def forget(module: str, act: Callable[[], None]) -> None:
    """Take back a `when_imported` that has not come about."""
    acts = _waiting.get(module, [])
    if act in acts:
        acts.remove(act)
    if not acts:
        _waiting.pop(module, None)
    if not _waiting and _finder in sys.meta_path:
        sys.meta_path.remove(_finder)


class _Finder(MetaPathFinder):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the importer passes it, the lookup finds it again
        target: ModuleType | None = None,  # noqa: ARG002 - as above
    ) -> ModuleSpec | None:
        if fullname not in _waiting or fullname in _looking_up:
            return None
        _looking_up.add(fullname)
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            _looking_up.discard(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = _ActingLoader(spec.loader)
        return spec


class _ActingLoader(Loader):
    """The library's own loader, which acts once the module is complete and then steps aside."""

    def __init__(self, loader: Any) -> None:
        self._loader = loader

    def __getattr__(self, name: str) -> Any:
        return getattr(self._loader, name)

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        created: ModuleType | None = self._loader.create_module(spec)
        return created

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        for act in _waiting.pop(module.__name__, []):
            act()
        if not _waiting and _finder in sys.meta_path:
            sys.meta_path.remove(_finder)


_finder = _Finder()

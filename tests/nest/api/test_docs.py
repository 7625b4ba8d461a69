"""Every route of the query APIs is in `docs/apis.md`, and nothing else is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from starlette.routing import Route

from temponest.nest.api import jaeger, loki, tempo
from temponest.nest.api.server import Security
from temponest.nest.store.logs.source import LogSnapshots
from tests.nest.memory_source import MemorySource

PAGE = (Path(__file__).parents[3] / "docs" / "apis.md").read_text()
ROUTES = [
    *tempo.routes(MemorySource(), Security()),
    *jaeger.routes(MemorySource(), Security()),
    *loki.routes(LogSnapshots(list), Security()),
]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: route.path)
def test_a_route_is_documented(route: Route) -> None:
    parts = [part for part in re.split(r"/|\{.*?\}", route.path) if part]
    assert parts[-1] in PAGE
    assert f"/{parts[0]}/" in PAGE or route.path in PAGE

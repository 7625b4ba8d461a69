"""docs/configuration.md names every environment variable that the code reads, and no other."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from shared.telemetry.instrument.headers import HeaderCapture
from shared.telemetry.instrument.http_client import HTTPClient
from shared.telemetry.otlp.request import Signal
from shared.telemetry.otlp.target import Target

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "configuration.md").read_text()

# A name that ends in an underscore is the beginning of one that is put together when it is read.
_NAME = re.compile(r"\b(?:OTEL|TEMPONEST)_[A-Z0-9_]*[A-Z0-9]\b(?!_)")
# The doctor speaks about variables that people set and nothing reads.
_SPEAKS_OF_OTHERS = ROOT / "temponest" / "doctor"


class _Asked(dict[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self) -> None:
        super().__init__(os.environ)
        self.names: set[str] = set()

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


def _written() -> set[str]:
    files = [
        path
        for folder in ("shared/telemetry", "temponest")
        for path in (ROOT / folder).rglob("*.py")
        if not path.is_relative_to(_SPEAKS_OF_OTHERS)
    ]
    return {name for path in files for name in _NAME.findall(path.read_text())}


def _put_together(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    asked = _Asked()
    monkeypatch.setattr(os, "environ", asked)
    for signal in (Signal.TRACES, Signal.METRICS):
        Target.from_environment(signal)
        Target.from_environment(signal, "collector:4317")
    for side in ("server", "client"):
        for direction in ("request", "response"):
            HeaderCapture(side, direction)
    for library in ("httpx", "requests"):
        HTTPClient(library, None)
    monkeypatch.undo()
    return {name for name in asked.names if _NAME.fullmatch(name)}


def test_every_variable_that_is_read_is_on_the_page_and_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    read = _written() | _put_together(monkeypatch)
    documented = set(_NAME.findall(PAGE))
    assert read - documented == set()
    assert documented - read == set()


@pytest.mark.parametrize(
    "name",
    ["ENVIRONMENT", "TELEMETRY_ENABLED", "XDG_DATA_HOME", "GRPC_PROXY", "NO_PROXY", "NO_GRPC_PROXY"],
)
def test_variables_of_other_families_are_on_the_page(name: str) -> None:
    assert f"| `{name}` |" in PAGE

"""The switch for all instrumentations, and those of others found by entry point."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Any

import httpx
import pytest
import requests
from fastapi import FastAPI

from shared.telemetry.instrument import contrib, instrument_all, uninstrument_all
from tests.telemetry.instrument.recorded import Recorded

RUNS: list[str] = []


class Instrumentor:
    """Stands in for an instrumentation that somebody else wrote."""

    def instrument(self, **options: Any) -> None:
        RUNS.append(f"on with {sorted(options)}")

    def uninstrument(self) -> None:
        RUNS.append("off")


class Broken:
    def instrument(self, **_: Any) -> None:
        raise RuntimeError("no good")


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Makes a distribution with an instrumentation appear; its arguments are entry point and requirement."""
    RUNS.clear()
    monkeypatch.delenv("OTEL_SEMCONV_STABILITY_OPT_IN", raising=False)

    def install(name: str, target: str, requirement: str | None) -> None:
        folder = tmp_path / f"{name}-1.dist-info"
        folder.mkdir()
        lines = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1"]
        if requirement is not None:
            lines += [f'Requires-Dist: {requirement}; extra == "instruments"']
        (folder / "METADATA").write_text("\n".join(lines))
        (folder / "entry_points.txt").write_text(f"[opentelemetry_instrumentor]\n{name} = {target}\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        importlib.invalidate_caches()

    yield install
    uninstrument_all()
    os.environ.pop("OTEL_SEMCONV_STABILITY_OPT_IN", None)


HERE = f"{__name__}:Instrumentor"


def test_all_are_switched_on_and_off_again(recorded: Recorded) -> None:
    methods = [httpx.Client, requests.Session, FastAPI]
    names = ["_send_single_request", "send", "build_middleware_stack"]
    before = [getattr(owner, name) for owner, name in zip(methods, names, strict=True)]
    instrument_all(disabled=(), tracer_provider=recorded.provider)
    instrument_all(disabled=(), tracer_provider=recorded.provider)
    during = [getattr(owner, name) for owner, name in zip(methods, names, strict=True)]
    assert all(one is not other for one, other in zip(before, during, strict=True))
    uninstrument_all()
    assert before == [getattr(owner, name) for owner, name in zip(methods, names, strict=True)]


@pytest.mark.parametrize("disabled", ["httpx", "requests, httpx", "*"])
def test_one_can_be_switched_off_by_the_environment(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch, disabled: str
) -> None:
    before = httpx.Client._send_single_request
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", disabled)
    instrument_all(tracer_provider=recorded.provider)
    assert httpx.Client._send_single_request is before


def test_an_installed_instrumentation_of_another_library_is_enabled(
    recorded: Recorded, installed: Any
) -> None:
    installed("somebodys", HERE, None)
    instrument_all(disabled=(), tracer_provider=recorded.provider)
    uninstrument_all()
    assert RUNS == ["on with ['tracer_provider']", "off"]


def test_an_installed_instrumentation_speaks_the_stable_conventions(
    recorded: Recorded, installed: Any
) -> None:
    installed("somebodys", HERE, None)
    instrument_all(disabled=(), tracer_provider=recorded.provider)
    assert os.environ["OTEL_SEMCONV_STABILITY_OPT_IN"] == "http,database"


def test_an_installed_instrumentation_can_be_switched_off(recorded: Recorded, installed: Any) -> None:
    installed("somebodys", HERE, None)
    instrument_all(disabled={"somebodys"}, tracer_provider=recorded.provider)
    assert RUNS == []


def test_an_instrumentation_waits_for_the_library_it_is_for(recorded: Recorded, installed: Any) -> None:
    installed("somebodys", HERE, "pytest >= 1")
    instrument_all(disabled=(), tracer_provider=recorded.provider)
    assert RUNS == ["on with ['tracer_provider']"]


def test_an_instrumentation_of_a_missing_library_is_left_alone(recorded: Recorded, installed: Any) -> None:
    installed("somebodys", HERE, "no-such-library >= 1")
    instrument_all(disabled=(), tracer_provider=recorded.provider)
    assert RUNS == []


def test_an_instrumentation_for_a_library_of_ours_is_not_enabled_besides(
    recorded: Recorded, installed: Any
) -> None:
    installed("httpx", HERE, None)
    instrument_all(disabled=(), tracer_provider=recorded.provider)
    assert RUNS == []


def test_a_broken_instrumentation_stops_nobody(
    recorded: Recorded, installed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(contrib, "report", lambda error, where: told.append(f"{where}: {error}"))
    installed("broken", f"{__name__}:Broken", None)
    instrument_all(disabled=(), tracer_provider=recorded.provider)
    assert told == ["the instrumentation broken: no good"]

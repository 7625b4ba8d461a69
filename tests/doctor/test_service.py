"""Services that set telemetry up in a wrong way: the doctor names the cause first, with the fix."""

from __future__ import annotations

from pathlib import Path

import pytest

from temponest.doctor.checks import service
from temponest.doctor.finding import Severity
from temponest.doctor.run import Check, Result, diagnose
from temponest.doctor.subject import Subject

from .conftest import first

HEAD = """
from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware
from shared.telemetry import MetricsMiddleware, TracingMiddleware, setup_metrics, setup_tracing
"""
SETUP = "setup_tracing('shop')\nsetup_metrics('shop')\n"
APP = "app = FastAPI()\n"
MIDDLEWARES = "app.add_middleware(TracingMiddleware)\napp.add_middleware(MetricsMiddleware)\n"
HEALTHY = HEAD + SETUP + APP + MIDDLEWARES

BROKEN = {
    "no setup": (
        "from fastapi import FastAPI\napp = FastAPI()\n",
        "setup_tracing is not called",
        "setup_tracing(",
    ),
    "no metrics setup": (
        HEALTHY.replace("setup_metrics('shop')", ""),
        "MetricsMiddleware is added, but setup_metrics is not called",
        "setup_metrics(",
    ),
    "no metrics middleware": (
        HEALTHY.replace("app.add_middleware(MetricsMiddleware)", ""),
        "MetricsMiddleware is not added",
        "app.add_middleware(MetricsMiddleware",
    ),
    "setup twice": (HEAD + SETUP + SETUP + APP + MIDDLEWARES, "setup_tracing is called 2 times", "once"),
    "setup after the application": (
        HEAD + APP + SETUP + MIDDLEWARES,
        "called after the application is made",
        "before FastAPI()",
    ),
    "middleware twice": (
        HEALTHY + "app.add_middleware(TracingMiddleware)\n",
        "TracingMiddleware is added 2 times",
        "once",
    ),
    "another middleware outside": (
        HEALTHY + "app.add_middleware(CORSMiddleware)\n",
        "CORSMiddleware stands outside of TracingMiddleware",
        "after all others",
    ),
    "another SDK first": (
        "from opentelemetry import trace\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "trace.set_tracer_provider(TracerProvider())\n" + HEALTHY,
        "another SDK set the tracer provider",
        "remove the other setup",
    ),
    "another SDK alone": (
        "from fastapi import FastAPI\n"
        "from opentelemetry import trace\n"
        "from opentelemetry.sdk.trace import TracerProvider\n"
        "trace.set_tracer_provider(TracerProvider())\n"
        "app = FastAPI()\n",
        "another SDK is set up",
        "call setup_tracing",
    ),
    "a dependency is missing": (
        "import no_such_library\n",
        "needs no_such_library",
        "pip install no_such_library",
    ),
    "the import fails": ("1 / 0\n", "ZeroDivisionError", "shop.py:1"),
    "the import ends the process": ("import os\nos._exit(3)\n", "status 3", "import shop"),
    "another name": (
        HEALTHY.replace("app = FastAPI()", "app = api = FastAPI()") + "del app\n",
        "has no app",
        "NAME",
    ),
}


def examine(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> Result:
    (folder / "shop.py").write_text(code)
    monkeypatch.chdir(folder)
    return diagnose(Subject(service="shop:app"), [Check("service", service.check, deadline=30.0)])


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_service_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    code, what, fix = BROKEN[case]
    result = examine(tmp_path, monkeypatch, code)
    assert result.severity is not Severity.OK
    assert what in first(result).what
    assert fix in first(result).fix


def test_a_healthy_service_shows_what_is_instrumented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = examine(tmp_path, monkeypatch, HEALTHY)
    assert result.severity is Severity.OK
    assert "fastapi" in first(result).what


def test_fastapi_switched_off_without_the_middleware(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "redis,fastapi")
    result = examine(tmp_path, monkeypatch, HEALTHY.replace("app.add_middleware(TracingMiddleware)", ""))
    assert "TracingMiddleware is not added" in first(result).what


def test_a_module_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = diagnose(Subject(service="nowhere:app"), [Check("service", service.check, deadline=30.0)])
    assert "no module nowhere" in first(result).what
    assert "PYTHONPATH" in first(result).fix

"""Services that set telemetry up in a wrong way: the doctor names the cause first, with the fix."""

from __future__ import annotations

import os
import sys
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
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ParentBased, TraceIdRatioBased
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
    "setup in the lifespan": (
        HEAD + "def lifespan(app):\n    setup_tracing('shop')\n" + APP,
        "setup_tracing is called in lifespan(), not when the service is imported",
        "at the top of the module",
    ),
    "setup for the main program alone": (
        HEAD + APP + "if __name__ == '__main__':\n    setup_tracing('shop')\n",
        "below `if __name__ ==",
        "at the top of the module",
    ),
    "a sampler in the code keeps too little": (
        HEALTHY.replace(
            "setup_tracing('shop')", "setup_tracing('shop', sampler=ParentBased(TraceIdRatioBased(0.01)))"
        ),
        "the sampler of setup_tracing keeps 1.00%",
        "ALWAYS_ON",
    ),
    "a sampler in the code keeps nothing": (
        HEALTHY.replace("setup_tracing('shop')", "setup_tracing('shop', sampler=ALWAYS_OFF)"),
        "the sampler of setup_tracing keeps nothing",
        "ALWAYS_ON",
    ),
    "an address in the code": (
        HEALTHY.replace("setup_tracing('shop')", "setup_tracing('shop', otlp_endpoint='http://jaeger:4317')"),
        "the name jaeger of http://jaeger:4317 is unknown here",
        "leave otlp_endpoint out of setup_tracing, where it wins over variables; then OTEL_EXPORTER_OTLP",
    ),
    "propagators that were replaced": (
        "from opentelemetry import propagate\n"
        + HEALTHY
        + "from opentelemetry.propagators.composite import CompositePropagator\n"
        "propagate.set_global_textmap(CompositePropagator([]))\n",
        "a request that belongs to a trace starts a new one",
        "set_global_textmap",
    ),
    "a middleware that drops the header": (
        HEALTHY + "class Drop:\n"
        "    def __init__(self, app):\n"
        "        self.app = app\n"
        "    async def __call__(self, scope, receive, send):\n"
        "        await self.app({**scope, 'headers': []}, receive, send)\n"
        "app = Drop(app)\n",
        "a request that belongs to a trace starts a new one",
        "traceparent",
    ),
    "every path is left out": (
        "import os\nos.environ['OTEL_PYTHON_EXCLUDED_URLS'] = '.*'\n" + HEALTHY,
        "a request makes no span",
        "OTEL_PYTHON_EXCLUDED_URLS",
    ),
    "a client that was turned off": (
        "import os\nos.environ['OTEL_PYTHON_DISABLED_INSTRUMENTATIONS'] = 'httpx'\nimport httpx\n" + HEALTHY,
        "httpx passes no trace on",
        "instrumentation of httpx",
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

# What each looks like when the fix is followed, where that is not `HEALTHY` itself.
FIXED = {
    "another middleware outside": HEAD + SETUP + APP + "app.add_middleware(CORSMiddleware)\n" + MIDDLEWARES,
    "setup in the lifespan": HEAD + SETUP + "def lifespan(app):\n    pass\n" + APP + MIDDLEWARES,
    "a sampler in the code keeps nothing": HEALTHY.replace(
        "import ALWAYS_OFF", "import ALWAYS_ON, ALWAYS_OFF"
    ).replace("setup_tracing('shop')", "setup_tracing('shop', sampler=ParentBased(ALWAYS_ON))"),
    "an address in the code": HEALTHY,
    "a client that was turned off": "import httpx\n" + HEALTHY,
    "every path is left out": "import os\nos.environ['OTEL_PYTHON_EXCLUDED_URLS'] = 'health'\n" + HEALTHY,
    "a middleware that drops the header": HEALTHY + "class Keep:\n"
    "    def __init__(self, app):\n"
    "        self.app = app\n"
    "    async def __call__(self, scope, receive, send):\n"
    "        kept = [(k, v) for k, v in scope.get('headers', []) if k != b'cookie']\n"
    "        await self.app({**scope, 'headers': kept}, receive, send)\n"
    "app = Keep(app)\n",
}


def examine(folder: Path, monkeypatch: pytest.MonkeyPatch, code: str) -> Result:
    (folder / "shop.py").write_text(code)
    monkeypatch.chdir(folder)
    # A busy machine is no finding about the service.
    monkeypatch.setattr(service, "TIMEOUT", 60.0)
    return diagnose(Subject(service="shop:app"), [Check("service", service.check, deadline=70.0)])


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_service_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    code, what, fix = BROKEN[case]
    result = examine(tmp_path, monkeypatch, code)
    assert result.severity is not Severity.OK
    assert what in first(result).what
    assert fix in first(result).fix


@pytest.mark.parametrize("case", FIXED)
def test_all_is_well_when_the_fix_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    assert examine(tmp_path, monkeypatch, FIXED[case]).severity is Severity.OK


def test_a_healthy_service_shows_what_is_instrumented(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = examine(tmp_path, monkeypatch, HEALTHY)
    assert result.severity is Severity.OK
    assert "fastapi" in first(result).what


def test_a_trace_goes_on_through_requests_and_clients(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = examine(tmp_path, monkeypatch, "import httpx, requests\n" + HEALTHY)
    assert first(result).what.endswith("traces go on through its requests, httpx, requests")


def test_a_factory_is_called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = "".join(f"    {line}\n" for line in (APP + MIDDLEWARES).splitlines())
    code = f"{HEAD}{SETUP}def app():\n{made}    return app\n"
    assert examine(tmp_path, monkeypatch, code).severity is Severity.OK


def test_a_client_that_the_environment_turns_off(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "requests")
    finding = first(examine(tmp_path, monkeypatch, "import requests\n" + HEALTHY))
    assert "requests passes no trace on, as OTEL_PYTHON_DISABLED_INSTRUMENTATIONS" in finding.what
    assert finding.fix == "take requests out of OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"


def test_fastapi_switched_off_without_the_middleware(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS", "redis,fastapi")
    result = examine(tmp_path, monkeypatch, HEALTHY.replace("app.add_middleware(TracingMiddleware)", ""))
    assert "TracingMiddleware is not added" in first(result).what


@pytest.mark.parametrize(
    ("load", "what", "severity"),
    [(0.1, "takes more than", Severity.ERROR), (1e6, "as this machine is busy", Severity.WARNING)],
)
def test_an_import_that_takes_too_long(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, load: float, what: str, severity: Severity
) -> None:
    (tmp_path / "shop.py").write_text("import threading\nthreading.Event().wait()\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(service, "TIMEOUT", 0.5)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, load, load))
    result = diagnose(Subject(service="shop:app"), [Check("service", service.check, deadline=70.0)])
    assert (result.severity, what in first(result).what) == (severity, True)


def test_an_interpreter_without_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\nexec {sys.executable} -I -S "$@"\n')
    python.chmod(0o755)
    subject = Subject(service="shop:app", python=str(python))
    finding = first(diagnose(subject, [Check("service", service.check, deadline=70.0)]))
    assert f"TempoNest's library is not installed for {python}" in finding.what
    assert "--python" in finding.fix


def test_a_module_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    result = diagnose(Subject(service="nowhere:app"), [Check("service", service.check, deadline=30.0)])
    assert "no module nowhere" in first(result).what
    assert "PYTHONPATH" in first(result).fix

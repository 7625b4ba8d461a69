"""`shared.telemetry.testing`: what a test sees of an application, and that nothing outlives the test."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "testing.md"
APP = """
import httpx
from fastapi import BackgroundTasks, FastAPI
from shared.telemetry import (
    MetricsMiddleware, TracingMiddleware, get_meter, get_tracer, setup_metrics, setup_tracing,
)
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

setup_tracing(service_name="agents", sampler=ALWAYS_OFF)
setup_metrics(service_name="agents")
tracer = get_tracer(__name__)
orders = get_meter(__name__).create_counter("orders")
app = FastAPI()
app.add_middleware(TracingMiddleware)
app.add_middleware(MetricsMiddleware)

@app.get("/orders/{number}")
def read(number: int) -> int:
    with tracer.start_as_current_span("look up", attributes={"number": number}):
        orders.add(1, {"kind": "read"})
    return number
"""


def run(folder: Path, tests: str, conftest: str = "", **files: str) -> str:
    """What pytest prints for tests in a project of their own, without colours."""
    (folder / "conftest.py").write_text(conftest or 'pytest_plugins = ["shared.telemetry.testing"]\n')
    (folder / "test_it.py").write_text(tests)
    for name, source in files.items():
        (folder / f"{name}.py").write_text(source)
    # Where CI is set pytest's summary repeats whole messages.
    left_out = ("OTEL_", "PYTEST_", "CI", "BUILD_NUMBER")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "-p",
            "no:asyncio",
            "-W",
            "error",
        ],
        cwd=folder,
        env={**kept, "PYTHONPATH": str(ROOT), "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.stdout + done.stderr


def test_an_application_is_recorded_whole_although_it_samples_nothing(tmp_path: Path) -> None:
    out = run(
        tmp_path,
        '''
from fastapi.testclient import TestClient
from served import app

def test_first(telemetry):
    TestClient(app).get("/orders/7")
    telemetry.assert_tree("""
        GET
          GET /orders/{number}
            look up
    """)
    assert telemetry.span("look up", {"number": 7}).attributes == {"number": 7}
    assert telemetry.span("look up").resource.attributes["service.name"] == "temponest-agents"
    assert telemetry.value("orders", {"kind": "read"}) == 1
    assert telemetry.value("http.server.request.duration") == 1

def test_second_starts_from_nothing(telemetry):
    assert telemetry.spans == []
    TestClient(app).get("/orders/8")
    assert telemetry.value("orders") == 1
    assert telemetry.span("look up").context.trace_id == 1

def test_without_the_fixture_nothing_is_sampled():
    from served import tracer
    with tracer.start_as_current_span("elsewhere") as span:
        assert not span.is_recording()
''',
        served=APP,
    )
    assert "3 passed" in out


def test_ids_and_times_are_the_same_in_every_run(tmp_path: Path) -> None:
    out = run(
        tmp_path,
        """
import pytest
from shared.telemetry import get_tracer

tracer = get_tracer(__name__)

@pytest.mark.parametrize("run", [1, 2])
def test_it(telemetry, run):
    with tracer.start_as_current_span("outer"):
        with tracer.start_as_current_span("inner"):
            telemetry.clock.advance(2)
    inner, outer = telemetry.spans
    assert (outer.context.trace_id, outer.context.span_id, inner.context.span_id) == (1, 1, 2)
    assert outer.start_time == 946_684_800_000_000_000
    assert inner.end_time - inner.start_time == 2_001_000_000
    assert outer.end_time - outer.start_time == 2_003_000_000
""",
    )
    assert "2 passed" in out


def test_a_failure_shows_the_trace(tmp_path: Path) -> None:
    out = run(
        tmp_path,
        """
from shared.telemetry import get_tracer, get_meter

def test_it(telemetry):
    with get_tracer("t").start_as_current_span("outer"):
        with get_tracer("t").start_as_current_span("inner", attributes={"user.id": 7}):
            get_meter("t").create_counter("orders").add(2, {"kind": "read"})
    assert False
""",
    )
    assert "Captured telemetry" in out
    assert "outer  internal  3.00 ms\n└─ inner  internal  1.00 ms  user.id=7\n\norders{kind=read} 2\n" in out


def test_a_question_without_an_answer_shows_what_there_is(tmp_path: Path) -> None:
    out = run(
        tmp_path,
        """
import pytest
from shared.telemetry import get_tracer, get_meter

@pytest.mark.parametrize("ask", [
    lambda telemetry: telemetry.span("other"),
    lambda telemetry: telemetry.span("inner", {"a": 2}),
    lambda telemetry: telemetry.value("orders"),
    lambda telemetry: telemetry.value("sales"),
    lambda telemetry: telemetry.assert_tree("outer\\n  other"),
])
def test_it(telemetry, ask):
    with get_tracer("t").start_as_current_span("outer"):
        with get_tracer("t").start_as_current_span("inner", attributes={"a": 1}):
            for kind in "read", "write":
                get_meter("t").create_counter("orders").add(2, {"kind": kind})
    ask(telemetry)
""",
    )
    assert "5 failed" in out
    for answer in (
        "no spans are called 'other'; recorded is",
        "no spans are called 'inner' with {'a': 2}; recorded is",
        "2 series are called orders; recorded is",
        "no series are called sales; recorded is",
        "-   other",
        "+   inner",
    ):
        assert answer in out
    # Once in the message, once in the section of the report.
    assert out.count("└─ inner  internal  1.00 ms  a=1") == 10
    assert "capture.py" not in out


def test_the_example_of_the_page_passes(tmp_path: Path) -> None:
    conftest, example = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    assert "2 passed" in run(tmp_path, example, conftest=conftest)


def test_the_fixture_can_be_imported_alone(tmp_path: Path) -> None:
    out = run(
        tmp_path,
        """
from shared.telemetry import get_tracer

def test_it(telemetry):
    with get_tracer("t").start_as_current_span("one"): pass
    assert telemetry.names == ["one"]
""",
        conftest="from shared.telemetry.testing import telemetry\n",
    )
    assert "1 passed" in out


def test_an_application_that_is_set_up_inside_a_test_keeps_its_name_and_instrumentations(
    tmp_path: Path,
) -> None:
    out = run(
        tmp_path,
        """
import httpx

def test_it(telemetry, caplog):
    from fastapi.testclient import TestClient
    from served import app, setup_tracing
    with httpx.Client(transport=httpx.MockTransport(lambda request: httpx.Response(200))) as client:
        client.get("http://auth/users")
    span = telemetry.span("GET")
    assert span.resource.attributes["service.name"] == "temponest-agents"
    assert telemetry.value("http.client.request.duration") == 1
    assert caplog.messages == []
    setup_tracing()
    assert "called again" in caplog.text
""",
        served=APP,
    )
    assert "1 passed" in out


def test_a_span_that_a_test_leaves_open_is_no_parent_in_the_next(tmp_path: Path) -> None:
    out = run(
        tmp_path,
        """
from opentelemetry import trace
from opentelemetry.context import attach
from shared.telemetry import get_tracer

def test_first(telemetry):
    attach(trace.set_span_in_context(get_tracer("t").start_span("open")))

def test_second(telemetry):
    assert not trace.get_current_span().get_span_context().is_valid
    with get_tracer("t").start_as_current_span("alone"): pass
    assert telemetry.span("alone").parent is None
""",
    )
    assert "2 passed" in out


def test_what_cannot_be_captured_is_told(tmp_path: Path) -> None:
    out = run(
        tmp_path,
        """
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from shared.telemetry.testing import capture

def test_off(monkeypatch):
    monkeypatch.setenv("TELEMETRY_ENABLED", "false")
    with pytest.raises(RuntimeError, match="TELEMETRY_ENABLED=false"), capture():
        pass

def test_another_provider():
    trace.set_tracer_provider(TracerProvider())
    with pytest.raises(RuntimeError, match="leave that to setup_tracing"), capture():
        pass
""",
    )
    assert "2 passed" in out


def test_the_library_does_not_load_it() -> None:
    code = "import sys, shared.telemetry\nprint('shared.telemetry.testing' in sys.modules)"
    done = subprocess.run(  # noqa: S603 - the code is this
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "False\n"


def test_the_fixture_is_there_without_a_line_where_the_library_is_installed(tmp_path: Path) -> None:
    out = run(
        tmp_path,
        """
from shared.telemetry import get_tracer

def test_it(telemetry):
    with get_tracer("t").start_as_current_span("one"): pass
    assert telemetry.names == ["two"]
""",
        conftest="# nothing\n",
    )
    assert "Captured telemetry" in out
    assert "one  internal" in out

"""The guide's façade: pasted as it stands, switched off, called twice, with few packages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(code: str, **variables: str) -> str:
    """Standard output of a fresh interpreter that runs the code; it must be silent on standard error."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("OTEL_", "PYTEST_"))}
    done = subprocess.run(  # noqa: S603 - the code is the test's
        [sys.executable, "-c", code],
        env={**kept, "PYTHONPATH": str(ROOT), **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


GUIDE = """
from shared.telemetry import (
    setup_tracing,
    setup_metrics,
    TracingMiddleware,
    MetricsMiddleware,
    get_tracer,
    get_meter,
)
tracer, meter = get_tracer(__name__), get_meter(__name__)
setup_tracing(service_name="agents", service_version="1.0.0", environment="test",
              otlp_endpoint="http://127.0.0.1:1", enable_console_export=False)
setup_metrics(service_name="agents", service_version="1.0.0", environment="test",
              otlp_endpoint="http://127.0.0.1:1", export_interval_millis=60000)
with tracer.start_as_current_span("custom-operation") as span:
    span.set_attribute("custom.attribute", "value")
meter.create_counter(name="custom.requests", description="Number of custom requests", unit="1").add(
    1, {"status": "success"})
"""


def test_tracers_and_meters_taken_before_the_setup_record_after_it() -> None:
    assert "True" in run(GUIDE + "\nprint(span.is_recording() or span.get_span_context().is_valid)")


def test_the_setup_leaves_the_applications_logging_as_it_is() -> None:
    looks = """
import logging
def look():
    root = logging.getLogger()
    return root.handlers[:], root.filters[:], root.level, logging.getLogRecordFactory(), logging.lastResort
before = look()
"""
    assert run(looks + GUIDE + "\nprint(look() == before)") == "True\n"


@pytest.mark.parametrize(
    "variables",
    [{"TELEMETRY_ENABLED": "false"}, {"OTEL_SDK_DISABLED": "TRUE"}],
    ids=lambda one: next(iter(one)),
)
def test_switched_off_it_starts_no_thread_and_loads_nothing_heavy(variables: dict[str, str]) -> None:
    out = run(
        GUIDE + "\nimport sys, threading\n"
        "print(threading.active_count(), [name for name in ('h2', 'grpc', 'google.protobuf',"
        " 'opentelemetry.sdk.trace', 'opentelemetry.sdk.metrics', 'http.client') if name in sys.modules])",
        **variables,
    )
    assert out.splitlines() == ["1 []"]


def test_switched_on_it_loads_neither_grpc_nor_protobuf_nor_what_it_instruments() -> None:
    out = run(
        GUIDE + "\nimport sys\nprint([name for name in ('grpc', 'google.protobuf', 'fastapi', 'starlette',"
        " 'asyncpg', 'redis', 'httpx', 'requests') if name in sys.modules])",
        OTEL_TRACES_EXPORTER="otlp",
    )
    assert "[]" in out.splitlines()


def test_a_second_setup_changes_nothing_and_says_so_once() -> None:
    out = run(
        "from shared.telemetry import setup_tracing\n"
        "first = setup_tracing('agents')\nprint(setup_tracing('other') is first)",
        OTEL_TRACES_EXPORTER="none",
    )
    assert "True" in out
    assert out.count("setup_tracing was called again") == 1


def test_without_h2_the_official_exporters_library_carries_grpc() -> None:
    """The guide's "manually add" list has no h2."""
    out = run(
        "import sys\nsys.modules['h2'] = None\n"
        "from importlib import util\nfind = util.find_spec\n"
        "util.find_spec = lambda name, *more: None if name == 'h2' else find(name, *more)\n"
        "import grpc\nfrom concurrent.futures import ThreadPoolExecutor\n"
        "from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb\n"
        "from opentelemetry.proto.collector.trace.v1 import trace_service_pb2_grpc as g\n"
        "class Receiver(g.TraceServiceServicer):\n"
        "    def Export(self, request, context):\n"
        "        print(request.resource_spans[0].scope_spans[0].spans[0].name)\n"
        "        return pb.ExportTraceServiceResponse()\n"
        "server = grpc.server(ThreadPoolExecutor(2))\n"
        "g.add_TraceServiceServicer_to_server(Receiver(), server)\n"
        "port = server.add_insecure_port('127.0.0.1:0')\nserver.start()\n"
        "from shared.telemetry import get_tracer, setup_tracing, shutdown\n"
        "setup_tracing('agents', otlp_endpoint=f'http://127.0.0.1:{port}')\n"
        "with get_tracer('x').start_as_current_span('by the official library'): pass\n"
        "shutdown()\nserver.stop(0).wait()\n"
    )
    assert "by the official library" in out.splitlines()


@pytest.mark.parametrize(
    ("given", "variables", "name"),
    [
        ("agents", {}, "temponest-agents"),
        ("temponest-agents", {}, "temponest-agents"),
        ("agents", {"TEMPONEST_SERVICE_PREFIX": ""}, "agents"),
        ("agents", {"TEMPONEST_SERVICE_PREFIX": "shop-"}, "shop-agents"),
        ("agents", {"OTEL_SERVICE_NAME": "mine"}, "mine"),
        ("agents", {"OTEL_RESOURCE_ATTRIBUTES": "service.name=theirs"}, "temponest-agents"),
        (None, {"OTEL_RESOURCE_ATTRIBUTES": "service.name=theirs"}, "theirs"),
        (None, {}, "unknown_service:python"),
    ],
)
def test_service_name(
    monkeypatch: pytest.MonkeyPatch, given: str | None, variables: dict[str, str], name: str
) -> None:
    from shared.telemetry.resource import describe

    for variable in ("OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES", "TEMPONEST_SERVICE_PREFIX"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    assert describe(given, None, None).attributes["service.name"] == name


@pytest.mark.parametrize(
    ("given", "variables", "environment"),
    [
        (None, {}, "development"),
        (None, {"ENVIRONMENT": "staging"}, "staging"),
        ("production", {"ENVIRONMENT": "staging"}, "production"),
        (
            None,
            {"ENVIRONMENT": "a", "OTEL_RESOURCE_ATTRIBUTES": "deployment.environment.name=b%20c"},
            "b c",
        ),
    ],
)
def test_environment(
    monkeypatch: pytest.MonkeyPatch, given: str | None, variables: dict[str, str], environment: str
) -> None:
    from shared.telemetry.resource import describe

    for variable in ("ENVIRONMENT", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(variable, raising=False)
    for variable, value in variables.items():
        monkeypatch.setenv(variable, value)
    assert describe("agents", None, given).attributes["deployment.environment.name"] == environment


@pytest.mark.parametrize(
    ("variables", "warning"),
    [
        ({"OTEL_TRACES_SAMPLER": "always"}, "OTEL_TRACES_SAMPLER names no known sampler"),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "2"}, "number from 0 to 1"),
        ({"OTEL_PROPAGATORS": "tracecontext,pigeon"}, "'pigeon' is not known"),
        ({"OTEL_SPAN_EVENT_COUNT_LIMIT": "many"}, "OTEL_SPAN_EVENT_COUNT_LIMIT must be a whole number"),
        ({"OTEL_BSP_SCHEDULE_DELAY": "x"}, "OTEL_BSP_SCHEDULE_DELAY must be a whole number"),
        ({"OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "9999"}, "must not exceed the queue's 2048"),
        ({"OTEL_TRACES_EXPORTER": "otlp,zipkin"}, "'zipkin' is not known"),
        ({"OTEL_SDK_DISABLED": "yes"}, "OTEL_SDK_DISABLED must be true or false"),
    ],
    ids=lambda one: str(one)[:40],
)
def test_a_bad_value_is_one_warning_and_the_default(variables: dict[str, str], warning: str) -> None:
    out = run(
        "from shared.telemetry import get_tracer, setup_tracing\nsetup_tracing('agents')\n"
        "print('sampled', get_tracer('x').start_span('x').get_span_context().trace_flags.sampled)",
        **{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", **variables},
    )
    assert "sampled True" in out
    assert out.count(warning) == 1
    assert len(out.splitlines()) == 2


@pytest.mark.parametrize(
    ("variables", "share"),
    [
        ({"OTEL_TRACES_SAMPLER": "always_off"}, 0),
        ({"OTEL_TRACES_SAMPLER": "parentbased_traceidratio", "OTEL_TRACES_SAMPLER_ARG": "0"}, 0),
        ({"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1"}, 20),
        ({"OTEL_TRACES_SAMPLER": ""}, 20),
    ],
)
def test_the_samplers_variable_decides(variables: dict[str, str], share: int) -> None:
    out = run(
        "from shared.telemetry import get_tracer, setup_tracing\nsetup_tracing('agents')\n"
        "spans = [get_tracer('x').start_span('x') for _ in range(20)]\n"
        "print(sum(span.get_span_context().trace_flags.sampled for span in spans))",
        OTEL_TRACES_EXPORTER="none",
        **variables,
    )
    assert out.split()[-1] == str(share)

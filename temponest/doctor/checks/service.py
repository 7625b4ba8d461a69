"""What a service sets up when it is imported: calls, their order, and its middlewares."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, Final

from shared.telemetry.otlp.request import Signal
from shared.telemetry.otlp.target import Target
from temponest.doctor.finding import Finding, Severity, error, ok, warning
from temponest.doctor.introspect import MARK
from temponest.doctor.subject import Subject

from . import endpoint, sampling
from .hops import check as hops

TIMEOUT = 8.0  # seconds for the import
BUSY: Final = 2.0  # runnable threads for each core; an import then takes several times what it needs
OURS: Final = ("TracingMiddleware", "MetricsMiddleware")


def check(subject: Subject) -> Iterator[Finding]:
    """Import the service in a process of its own, and explain what it shows."""
    if subject.service is None:
        return
    report = _introspect(subject)
    if isinstance(report, Finding):
        yield report
        return
    disabled = subject.text("OTEL_PYTHON_DISABLED_INSTRUMENTATIONS")
    findings = [*_setups(report), *_middlewares(report, disabled)]
    findings += _elsewhere(report, subject)
    findings += sampling.of_description(report.get("sampler", ""), subject)
    if not any(finding.severity is Severity.ERROR for finding in findings):
        findings += hops(report, subject)
    yield from findings
    if not findings:
        passes = ["its requests", *(name for name, passed in report.get("clients", {}).items() if passed)]
        yield ok(
            f"{subject.service} is instrumented: {', '.join(report['libraries']) or 'no library yet'};"
            f" traces go on through {', '.join(passes)}"
        )


def _elsewhere(report: dict[str, Any], subject: Subject) -> Iterator[Finding]:
    """An address in the code wins over the environment's, and over what was looked at here."""
    given = report["endpoints"].get("setup_tracing")
    if not given or not subject.exports(Signal.TRACES):
        return
    used, examined = Target.from_environment(Signal.TRACES, given), subject.target(Signal.TRACES)
    if str(used) != str(examined):
        for problem in endpoint.check(replace(subject, endpoint=given)):
            fix = (
                f"leave otlp_endpoint out of setup_tracing, where it wins over variables; then {problem.fix}"
            )
            yield replace(problem, fix=fix)
            return
        yield warning(
            f"the code sends to {used}, which wins over {examined}",
            "the other checks looked at the latter",
            f"temponest doctor --endpoint {given}, or leave otlp_endpoint out of setup_tracing",
        )


def _introspect(subject: Subject) -> dict[str, Any] | Finding:
    service = subject.service or ""
    environment = {
        **subject.environ,
        # Looking at a service must send nothing and open no port.
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
        "PYTHONPATH": os.pathsep.join(filter(None, (".", subject.environ.get("PYTHONPATH")))),
    }
    try:
        done = subprocess.run(  # noqa: S603 - the user's own service, named on the command line
            [subject.python, "-m", "temponest.doctor.introspect", service],
            capture_output=True,
            check=False,
            env=environment,
            stdin=subprocess.DEVNULL,
            text=True,
            timeout=TIMEOUT,
        )
    except subprocess.TimeoutExpired:
        return _too_slow(service)
    if "No module named" in done.stderr and "temponest" in done.stderr:
        return error(
            f"TempoNest's library is not installed for {subject.python}",
            f"{service} runs without telemetry, or by another interpreter",
            "pip install it in the service's environment, or give its interpreter by --python",
        )
    lines = [line for line in done.stdout.splitlines() if line.startswith(MARK)]
    if not lines:
        return error(
            f"importing {service} ends the process (status {done.returncode})",
            "it cannot be looked at",
            f"run: python -c 'import {service.partition(':')[0]}'",
        )
    report: dict[str, Any] = json.loads(lines[-1].removeprefix(MARK))
    return report if report["error"] is None else _failed(service, report)


def _too_slow(service: str) -> Finding:
    """A busy machine is not the service's fault."""
    cores = os.cpu_count() or 1
    load = os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
    if load > BUSY * cores:
        return warning(
            f"importing {service} takes more than {TIMEOUT:.0f} s, as this machine is busy"
            f" (load {load:.0f} on {cores} cores)",
            "the service was not looked at",
            "run temponest doctor again when it is less busy",
        )
    return error(
        f"importing {service} takes more than {TIMEOUT:.0f} s",
        "it cannot be looked at",
        "move work out of the module into the application's lifespan",
    )


def _failed(service: str, report: dict[str, Any]) -> Finding:
    module, _, attribute = service.partition(":")
    missing = report.get("missing")
    if missing is not None and (module == missing or module.startswith(f"{missing}.")):
        return error(
            f"there is no module {missing}",
            "the service cannot be looked at",
            "run temponest doctor in the folder that the service is started in, or set PYTHONPATH",
        )
    if missing is not None:
        return error(
            f"{service} needs {missing}, which is not installed",
            "the service does not start",
            f"install it in this environment: pip install {missing.partition('.')[0]}",
        )
    if str(report["error"]).startswith("AttributeError: module") and attribute in str(report["error"]):
        return error(
            f"{module} has no {attribute or 'app'}",
            "the service cannot be looked at",
            f"--service {module}:NAME with the name of the application",
        )
    return error(
        f"importing {service} fails: {str(report['error'])[:160]}",
        "the service does not start",
        f"look at {report['where']}",
    )


def _setups(report: dict[str, Any]) -> Iterator[Finding]:
    calls = report["setups"]
    if report.get("library"):
        yield error(
            f"shared.telemetry cannot be imported: {report['library']}",
            "the service runs without telemetry",
            "pip install -r shared/requirements-telemetry.txt",
        )
        return
    foreign = str(report["provider"])
    if "setup_tracing" not in calls:
        if foreign.startswith("opentelemetry.sdk"):
            yield warning(
                "another SDK is set up, and setup_tracing is not called",
                "traces come from that SDK, with its own settings",
                "remove its setup and call setup_tracing before the application is made",
            )
        else:
            yield _not_called(report.get("written"))
    elif foreign.startswith("opentelemetry.sdk"):
        yield error(
            "another SDK set the tracer provider before setup_tracing did",
            "the first one stays in force: traces do not go where setup_tracing sends them",
            "remove the other setup (TracerProvider, opentelemetry-instrument)",
        )
    for name in ("setup_tracing", "setup_metrics"):
        if calls.count(name) > 1:
            yield warning(
                f"{name} is called {calls.count(name)} times",
                "the first call stays in force; what the others say is ignored",
                f"call {name} once, where the service starts",
            )
    if report["late"]:
        name = report["late"][0]
        yield warning(
            f"{name} is called after the application is made",
            "what is started before it is not recorded",
            f"call {name} at the top of the module, before FastAPI()",
        )
    if report["doubled"]:
        yield warning(
            "FastAPIInstrumentor instruments the same application",
            "each request is recorded by two server spans",
            "remove FastAPIInstrumentor; setup_tracing does its work",
        )


def _not_called(written: str | None) -> Finding:
    before = "call setup_tracing(service_name=...) before the application is made"
    if written == "__main__":
        return error(
            'setup_tracing is called below `if __name__ == "__main__"` only',
            "a server that imports the module, and each of its workers, records nothing",
            f"{before}, at the top of the module",
        )
    if written is not None:
        return warning(
            f"setup_tracing is called in {written}(), not when the service is imported",
            "what happens before that is not recorded",
            f"{before}, at the top of the module",
        )
    return error(
        "setup_tracing is not called when the service is imported",
        "no traces are recorded",
        f"{before}; temponest init adds all of it",
    )


def _middlewares(report: dict[str, Any], disabled_names: str | None) -> Iterator[Finding]:
    names = report["middlewares"]
    calls = report["setups"]
    if not report["asgi"]:
        yield error(
            "what --service names is no application",
            "it cannot be looked at",
            "--service module:NAME with the name of the application",
        )
    if names is None or report.get("library"):
        return
    disabled = {name.strip() for name in (disabled_names or "").split(",")}
    if "setup_tracing" in calls and "TracingMiddleware" not in names and disabled & {"*", "fastapi"}:
        yield error(
            "TracingMiddleware is not added, and OTEL_PYTHON_DISABLED_INSTRUMENTATIONS turns FastAPI's off",
            "no request is traced",
            'app.add_middleware(TracingMiddleware, service_name="...")',
        )
    if "setup_metrics" in calls and "MetricsMiddleware" not in names:
        yield warning(
            "MetricsMiddleware is not added",
            "no requests are counted and no durations recorded",
            'app.add_middleware(MetricsMiddleware, service_name="...")',
        )
    if "MetricsMiddleware" in names and "setup_metrics" not in calls:
        yield warning(
            "MetricsMiddleware is added, but setup_metrics is not called",
            "what it measures goes nowhere",
            "call setup_metrics(service_name=...) before the application is made",
        )
    for middleware in OURS:
        if names.count(middleware) > 1:
            yield warning(
                f"{middleware} is added {names.count(middleware)} times",
                "each request is recorded more than once",
                f"add {middleware} once",
            )
    if "TracingMiddleware" in names:
        # The last one added stands first: it is the outermost.
        outside = [name for name in names[: names.index("TracingMiddleware")] if name not in OURS]
        if outside:
            yield warning(
                f"{', '.join(outside)} stands outside of TracingMiddleware",
                "what it does and refuses is in no trace",
                "add TracingMiddleware after all others: the last one added is the outermost",
            )

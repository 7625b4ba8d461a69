"""The OpenTelemetry SDK's own trace tests, run against our tracer provider.

    git clone https://github.com/open-telemetry/opentelemetry-python
    python tests/peers/sdk_trace.py opentelemetry-python

The tests run twice: on the SDK as it is, to see what this machine and the installed release make of them,
and with our `TracerProvider` in the place of the SDK's. Ends with 1 if a test fails that is not explained
below, or if an explained one passes.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

ROOT = Path(__file__).parents[2]
OURS = "TEMPONEST_SDK_TESTS_ON_OURS"

SELF_METRICS = (
    "counts spans through the SDK's private, opt-in instruments; "
    "our queue and keeper count what was sent, dropped and let go"
)
EXPLAINED = {
    "test_sdk_metrics.TestTracerProviderMetrics.test_dropped": SELF_METRICS,
    "test_sdk_metrics.TestTracerProviderMetrics.test_dropped_local_parent": SELF_METRICS,
    "test_sdk_metrics.TestTracerProviderMetrics.test_dropped_remote_parent": SELF_METRICS,
    "test_sdk_metrics.TestTracerProviderMetrics.test_record_only": SELF_METRICS,
    "test_sdk_metrics.TestTracerProviderMetrics.test_sampled": SELF_METRICS,
}
"""Tests that fail on our provider and not on the SDK's, with the reason."""

if OURS in os.environ:
    # Loaded as a pytest plugin, before the tests import the SDK's names.
    import opentelemetry.sdk.trace

    from shared.telemetry.trace.provider import TracerProvider

    opentelemetry.sdk.trace.TracerProvider = TracerProvider  # type: ignore[misc]  # the purpose of this plugin


def run(checkout: Path, *, ours: bool) -> dict[str, str]:
    """Outcome by test: `passed`, `failed` or `skipped`."""
    tests = checkout / "opentelemetry-sdk" / "tests"
    path = [
        str(ROOT),
        str(Path(__file__).parent),
        str(checkout / "tests" / "opentelemetry-test-utils" / "src"),
    ]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("OTEL_")}
    environment["PYTHONPATH"] = os.pathsep.join(path)
    environment["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), environment["PATH"]])
    if ours:
        environment[OURS] = "1"
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull]
        command += ["--rootdir", str(tests), f"--junitxml={report}", "trace", "shared_internal"]
        if ours:
            command += ["-p", Path(__file__).stem]
        # The command is made of this file's own words and the path of the checkout.
        subprocess.run(command, cwd=tests, env=environment, check=False, capture_output=True)  # noqa: S603
        # The report is the one that pytest has just written.
        return {_name(case): _outcome(case) for case in ET.parse(report).iter("testcase")}  # noqa: S314


def _name(case: ET.Element) -> str:
    return f"{case.get('classname', '')}.{case.get('name', '')}".split("trace.", 1)[-1]


def _outcome(case: ET.Element) -> str:
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    return "passed" if case.find("skipped") is None else "skipped"


def main() -> int:
    """Print the table; 0 if every difference is explained."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkout", type=Path, help="a checkout of opentelemetry-python")
    checkout = parser.parse_args().checkout.resolve()
    stock, ours = run(checkout, ours=False), run(checkout, ours=True)
    print(f"{'':12}{'passed':>8}{'failed':>8}{'skipped':>8}")
    for label, outcomes in (("SDK", stock), ("TempoNest", ours)):
        counts = Counter(outcomes.values())
        print(f"{label:12}{counts['passed']:8}{counts['failed']:8}{counts['skipped']:8}")
    failed = {name for name, outcome in ours.items() if outcome == "failed"}
    as_stock = {name for name in failed if stock.get(name) == "failed"}
    for name in sorted(failed):
        why = "fails on the SDK as well" if name in as_stock else EXPLAINED.get(name, "NOT EXPLAINED")
        print(f"  {name}: {why}")
    surprises = [name for name in EXPLAINED if ours.get(name) == "passed"]
    for name in surprises:
        print(f"  {name}: passes; take it off the list")
    return 1 if surprises or failed - as_stock - set(EXPLAINED) else 0


if __name__ == "__main__":
    sys.exit(main())

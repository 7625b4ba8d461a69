"""The OpenTelemetry SDK's own metrics tests, run against our meter provider.

    git clone https://github.com/open-telemetry/opentelemetry-python
    python tests/peers/sdk_metrics.py opentelemetry-python

The tests run twice: on the SDK as it is, to see what this machine and the installed release make of them,
and with our `MeterProvider` in the place of the SDK's. Ends with 1 if a test fails that is not explained
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

PRIVATE = "looks into the SDK's private parts (`_sdk_config`, `_measurement_consumer`, mocks of its modules)"
CONFIGURATOR = (
    "meter configurators are in development in the specification and private in the SDK; not offered"
)
CLOCK = "replaces the clock of the SDK's module"
CALLBACK = "calls `callback` of an observable instrument, a private way into the SDK's"
CAPACITY = "expects trailing empty buckets, the room the SDK has grown; ours end with the last that counts"
QUIET = "expects a warning for one name in two meters; two scopes may use a name, and the data is the same"
NEVER_RAISES = "expects an exception in the application when a reader fails; ours is one log line"
ONCE = "expects a failing callback to be logged at every collection; ours tells it once an instrument"
LOGGER = "expects the warning under the SDK's logger name"

EXPLAINED: dict[str, str] = {
    "integration_test.test_console_exporter.TestConsoleExporter.test_console_exporter_with_exemplars": CLOCK,
    "integration_test.test_cpu_time.TestCpuTimeIntegration.test_cpu_time_callback": CALLBACK,
    "integration_test.test_cpu_time.TestCpuTimeIntegration.test_cpu_time_generator": CALLBACK,
    "integration_test.test_exponential_bucket_histogram.TestExponentialBucketHistogramAggregation"
    ".test_synchronous_cumulative_temporality": CAPACITY,
    "integration_test.test_sum_aggregation.TestSumAggregation.test_asynchronous_cumulative_temporality": ONCE,
    "integration_test.test_sum_aggregation.TestSumAggregation.test_asynchronous_delta_temporality": ONCE,
    "test_metrics.TestDuplicateInstrumentAggregateData.test_duplicate_instrument_aggregate_data": QUIET,
    **dict.fromkeys(
        (
            f"test_metrics.TestMeter.{name}"
            for name in (
                "test_counter_noop_after_meter_disabled",
                "test_disabled_meter_counter_skips_measurement",
                "test_disabled_meter_gauge_skips_measurement",
                "test_disabled_meter_histogram_skips_measurement",
                "test_disabled_meter_observable_counter_skips_callback",
                "test_disabled_meter_observable_gauge_skips_callback",
                "test_disabled_meter_observable_up_down_counter_skips_callback",
                "test_disabled_meter_up_down_counter_skips_measurement",
                "test_reenable_meter_after_disable",
            )
        ),
        CONFIGURATOR,
    ),
    **dict.fromkeys(
        (
            f"test_metrics.TestMeterProvider.{name}"
            for name in (
                "test_buggy_configurator_falls_back_to_default_on_get_meter",
                "test_buggy_configurator_falls_back_to_default_on_set_configurator",
                "test_meter_provider_with_custom_configurator",
                "test_meter_provider_with_disabled_configurator",
                "test_set_meter_configurator_affects_new_meters",
                "test_set_meter_configurator_updates_existing_meters",
            )
        ),
        CONFIGURATOR,
    ),
    **dict.fromkeys(
        (
            f"test_metrics.TestMeterProvider.{name}"
            for name in (
                "test_consume_measurement_counter",
                "test_consume_measurement_gauge",
                "test_consume_measurement_histogram",
                "test_consume_measurement_up_down_counter",
                "test_creates_sync_measurement_consumer",
                "test_init_default",
                "test_measurement_collect_callback",
                "test_register_asynchronous_instrument",
                "test_resource",
                "test_shutdown_race",
                "test_update_resource",
            )
        ),
        PRIVATE,
    ),
    "test_metrics.TestMeterProvider.test_addition_of_metric_reader": LOGGER,
    "test_metrics.TestMeterProvider.test_shutdown": NEVER_RAISES,
}
"""Tests that fail on our provider and not on the SDK's, with the reason."""

if OURS in os.environ:
    # Loaded as a pytest plugin, before the tests import the SDK's names.
    import opentelemetry.sdk.metrics

    from shared.telemetry.metrics import MeterProvider, exemplars

    # Of the measurements of an interval ours keeps any, the SDK the last of a bucket; no chance, the last.
    exemplars._random = float
    opentelemetry.sdk.metrics.MeterProvider = MeterProvider  # type: ignore[misc,assignment] # the purpose of this plugin


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
        command += ["--rootdir", str(tests), f"--junitxml={report}", "metrics"]
        if ours:
            command += ["-p", Path(__file__).stem]
        # The command is made of this file's own words and the path of the checkout.
        subprocess.run(command, cwd=tests, env=environment, check=False, capture_output=True)  # noqa: S603
        # The report is the one that pytest has just written.
        return {_name(case): _outcome(case) for case in ET.parse(report).iter("testcase")}  # noqa: S314


def _name(case: ET.Element) -> str:
    return f"{case.get('classname', '')}.{case.get('name', '')}".split("metrics.", 1)[-1]


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

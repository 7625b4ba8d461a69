"""The cost that a service reports, and what less telemetry would save."""

from __future__ import annotations

import json
import time
from typing import Any

import httpx
import pytest
from click.testing import CliRunner, Result
from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.metrics.v1.metrics_pb2 import AGGREGATION_TEMPORALITY_CUMULATIVE

from temponest.cli.main import main
from tests.journeys.conftest import Nest
from tests.journeys.wait import until

NS = 1_000_000_000
# What each part has spent a minute ago and now, in seconds. Far from zero: a rate is not drawn out below it.
PARTS = {"server": (100, 101.2), "redis": (100, 100.6), "export": (100, 100.6), "metrics": (100, 100.3)}


def _text(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


@pytest.fixture(scope="module")
def paid(nest: Nest) -> Nest:
    """The nest, after a service called `payer` has told its cost twice."""
    now = time.time_ns()
    for moment, age in ((0, 70), (1, 10)):
        request = ExportMetricsServiceRequest()
        group = request.resource_metrics.add()
        group.resource.attributes.append(_text("service.name", "payer"))
        scope = group.scope_metrics.add()
        points = [("temponest.telemetry.cpu.time", values[moment], part) for part, values in PARTS.items()]
        points.append(("process.cpu.time", (1000, 1030)[moment], ""))
        for name, seconds, part in points:
            metric = scope.metrics.add(name=name, unit="s")
            metric.sum.is_monotonic = True
            metric.sum.aggregation_temporality = AGGREGATION_TEMPORALITY_CUMULATIVE
            metric.sum.data_points.add(
                start_time_unix_nano=now - 200 * NS,
                time_unix_nano=now - age * NS,
                as_double=seconds,
                attributes=[_text("temponest.telemetry.part", part)] if part else [],
            )
        httpx.post(
            f"{nest.url('OTLP/HTTP')}/v1/metrics",
            content=request.SerializeToString(),
            headers={"content-type": "application/x-protobuf"},
        ).raise_for_status()
    until(lambda: "payer" in run(nest, "--json").stdout, "the cost")
    return nest


def run(nest: Nest, *arguments: str) -> Result:
    options = ["--tempo", nest.url("Tempo API"), "--prometheus", nest.url("Prometheus API")]
    return CliRunner().invoke(main, ["cost", *arguments, *options])


@pytest.fixture
def payer(paid: Nest) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(run(paid, "--json").stdout)["payer"]
    return found


def test_parts_are_shares_of_the_process_most_expensive_first(payer: dict[str, Any]) -> None:
    shares = {part: round(one["cpu_share"], 3) for part, one in payer["parts"].items()}
    assert shares == {"server": 0.04, "redis": 0.02, "export": 0.02, "metrics": 0.01}
    assert next(iter(shares)) == "server"
    assert payer["cpu_share"] == pytest.approx(0.09)


def test_each_way_to_turn_it_down_says_what_it_saves(payer: dict[str, Any]) -> None:
    saved = {one["what"]: (round(one["cpu_share"], 3), one["at_most"]) for one in payer["savings"]}
    assert saved == {
        "keep 10% of the traces": (0.072, True),
        "without redis": (0.02, False),
        "without MetricsMiddleware": (0.01, False),
    }


def test_people_see_shares_and_the_variables(paid: Nest) -> None:
    output = run(paid, "--service", "payer").output
    assert "payer: 9.00% of its CPU" in output
    assert "without redis: OTEL_PYTHON_DISABLED_INSTRUMENTATIONS=redis" in output


def test_another_service_alone(paid: Nest) -> None:
    assert "No service reports its cost" in run(paid, "--service", "nobody").output

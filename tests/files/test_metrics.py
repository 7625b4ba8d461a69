"""Metrics out of a nest and into another: what both answer is the same."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from temponest.client.prometheus import Prometheus
from temponest.files import points
from temponest.files.points import EVERY_SERIES
from temponest.files.signal import records

from .conftest import Nest
from .metric_messages import full_metrics

SECOND = 10**9


def whole_second() -> int:
    """The time now, in what a nest keeps of it: whole milliseconds."""
    return time.time_ns() // SECOND * SECOND


def answers(nest: Nest, now: int) -> dict[str, Any]:
    """All samples, exemplars and metadata by Prometheus' API."""
    with closing(Prometheus(nest.prometheus)) as client:
        after, until = now // 10**6 - 3_600_000, now // 10**6
        samples = client.samples(EVERY_SERIES, after, until)
        assert samples is not None
        return {
            "samples": sorted(samples, key=lambda one: sorted(one.labels.items())),
            "exemplars": client.exemplars(EVERY_SERIES, after, until),
            "metadata": client.metadata(),
        }


@pytest.mark.parametrize("name", ["metrics.jsonl", "metrics.pb.gz", "metrics.parquet"])
def test_a_nest_answers_the_same_after_export_and_import(
    start: Callable[[], Nest], tmp_path: Path, name: str
) -> None:
    one, other, now = start(), start(), whole_second()
    for minute in range(3):
        for service in ("shop", "auth"):
            one.send(full_metrics(service, now - (20 - minute) * 60 * SECOND, grown=minute))
    exported = one.export(str(tmp_path / name), "--signal", "metrics")
    assert (exported.returncode, exported.stderr) == (0, b"Exported 36 data points.\n")
    for _ in range(2):
        imported = other.import_(str(tmp_path / name))
        assert imported.returncode == 0, imported.stderr
    other.store.flush()
    was, came = answers(one, now), answers(other, now)
    assert len(was["samples"]) == 28
    assert len(was["exemplars"]) == 18
    assert came["samples"] == was["samples"]
    assert came["exemplars"] == was["exemplars"]
    assert came["metadata"] == was["metadata"]


def test_a_selector_and_a_range_choose(start: Callable[[], Nest]) -> None:
    nest, now = start(), whole_second()
    for minute in range(3):
        nest.send(full_metrics("shop", now - (20 - minute) * 60 * SECOND, grown=minute))
    metrics = ("--signal", "metrics")
    begin = str(now // SECOND - 20 * 60)
    assert (
        b"Exported 6 data points." in nest.export(*metrics, "--start", begin, "--end", f"{begin}.001").stderr
    )
    chosen = nest.export(*metrics, "--query", 'requests_total{http_route=~".+"}')
    assert b"Exported 3 data points." in chosen.stderr
    assert b'"isMonotonic":true' in chosen.stdout
    assert b'{"key":"host_name","value":{"stringValue":"here"}}' in chosen.stdout
    nothing = nest.export(*metrics, "--query", "nothing")
    assert b"Exported 0 data points.\nNothing matches: look further back" in nothing.stderr
    refused = nest.export(*metrics, "--query", "rate(requests_total[5m])")
    assert refused.returncode == 1
    assert b"Metrics are chosen by a series selector" in refused.stderr
    assert b"belongs to no trace" in nest.export(*metrics, "--trace", "ab").stderr


def test_answers_that_are_too_large_are_asked_for_in_parts(
    start: Callable[[], Nest], monkeypatch: pytest.MonkeyPatch
) -> None:
    nest, now = start(), whole_second()
    for report in range(20):
        nest.send(full_metrics("shop", now - 60 * SECOND + report * 10**9, grown=report))
    monkeypatch.setattr(points, "MOST_BYTES", 6_000)
    with closing(Prometheus(nest.prometheus)) as client:
        found = points.Points(client, EVERY_SERIES, now // 10**6 - 600_000, now // 10**6)
        times = [time for request in found for time in _times(request)]
    assert times == sorted(times)
    assert len(times) == 20 * 6
    assert found.counted() == "120 data points"


def _times(request: Any) -> list[int]:
    data = (getattr(one, one.WhichOneof("data")) for one in records("metrics", request))
    return [point.time_unix_nano for metric in data for point in metric.data_points]

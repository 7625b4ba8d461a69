"""`python -m benchmarks metrics`: one `add` and one `record`, ours and the SDK's, in the same run."""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from opentelemetry import context
from opentelemetry.sdk import metrics as sdk
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from shared.telemetry.metrics import MeterProvider

ROOT = Path(__file__).parents[2]
ATTRIBUTES = {
    "http.request.method": "GET",
    "http.route": "/api/v1/agents/{agent_id}",
    "url.scheme": "http",
    "network.protocol.version": "1.1",
}
WITH_STATUS = {**ATTRIBUTES, "http.response.status_code": 200}
IN_TRACE = set_span_in_context(NonRecordingSpan(SpanContext(1, 2, False, TraceFlags(1))))

Call = Callable[[], None]


def calls(provider: type) -> dict[str, Call]:
    """The measured calls on one provider, each made once so that its series is there."""
    made: Any = provider([InMemoryMetricReader()], shutdown_on_exit=False)
    meter = made.get_meter("benchmarks")
    counter = meter.create_counter("requests")
    histogram = meter.create_histogram("duration", "s")
    found: dict[str, Call] = {
        "add, no attributes": lambda: counter.add(1),
        "add, 4 strings": lambda: counter.add(1, ATTRIBUTES),
        "add, 4 strings and an integer": lambda: counter.add(1, WITH_STATUS),
        "record, 4 strings": lambda: histogram.record(0.042, ATTRIBUTES),
        "record, 4 strings and an integer": lambda: histogram.record(0.042, WITH_STATUS),
    }
    if hasattr(histogram, "bind"):
        bound = histogram.bind(ATTRIBUTES).record
        found["record, 4 strings, series bound"] = lambda: bound(0.042, None, None)
    for call in found.values():
        call()
    return found


def timed(call: Call, times: int) -> float:
    """Seconds of one call."""
    began = time.perf_counter()
    for _ in range(times):
        call()
    return (time.perf_counter() - began) / times


def main(options: Sequence[str] = ()) -> None:
    """Run, print, write `benchmarks/results/metrics.json`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks metrics --")
    parser.add_argument("--rounds", type=int, default=40, help="rounds; the best of them counts (default 40)")
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results" / "metrics.json")
    chosen = parser.parse_args(options)
    rows = []
    for where, active in (("in a sampled trace", IN_TRACE), ("outside of any", context.Context())):
        token = context.attach(active)
        ours, stock = calls(MeterProvider), calls(sdk.MeterProvider)
        best: dict[tuple[str, str], float] = {}
        jobs = [
            (name, who, made)
            for who, found in (("ours", ours), ("stock", stock))
            for name, made in found.items()
        ]
        for _ in range(chosen.rounds):
            random.shuffle(jobs)
            for name, who, call in jobs:
                best[name, who] = min(best.get((name, who), 1.0), timed(call, 500))
        context.detach(token)
        for name in ours:
            against = best.get((name, "stock"), best["record, 4 strings", "stock"])
            mine = best[name, "ours"]
            rows.append((name, where, mine * 1e6, against * 1e6, against / mine))
    print("\nOne call, the best of all rounds, ours and the SDK's in turn\n")
    print("| call | where | ours | stock | stock / ours |\n|---|---|---|---|---|")
    for row in rows:
        print("| {} | {} | {:.2f} µs | {:.2f} µs | {:.1f} |".format(*row))
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    keys = ("call", "where", "ours_us", "stock_us", "ratio")
    table = [dict(zip(keys, row, strict=True)) for row in rows]
    chosen.output.write_text(json.dumps(table, indent=1) + "\n")
    print(f"\nWritten to {chosen.output}")

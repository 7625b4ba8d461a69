"""`python -m benchmarks overhead`: the tables of what telemetry costs, and a JSON file of the same."""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from . import curve
from .curve import EXPORT_PAUSE
from .measure import Server, Variant, overhead, run, spread
from .peers import ROOT
from .stage import Stage, stage

VARIANTS = ("none#1", "none#2", "hooks", "ours", "ours-metrics", "stock", "stock-metrics")
ROUTES = {"reference request": ("/api/v1/agents/1", 40), "bare route": ("/bare", 200)}
# Over none: what, on which route, and by which variant.
BUDGETS = {
    ("reference request", "ours"): ("traces", 0.01),
    ("bare route", "ours-metrics"): ("traces and metrics", 0.05),
}
# Of metrics alone, over the variant with traces.
BUDGET_METRICS = 0.005
BUDGET_MB = 10
BUDGET_METRICS_MB = 5
# What the library says of its own cost may be as far from what is measured from outside.
SAID_WITHIN = 0.25


def main(options: Sequence[str] = ()) -> None:
    """Run, print, write `benchmarks/results/overhead.json`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks overhead --")
    parser.add_argument("--sets", type=int, default=6, help="processes per variant (default 6)")
    parser.add_argument("--rounds", type=int, default=30, help="blocks per process and route (default 30)")
    parser.add_argument(
        "--variants", default=",".join(VARIANTS), help="comma-separated; none#1,none#2 are the base"
    )
    parser.add_argument("--routes", default=",".join(ROUTES), help="comma-separated; empty for none")
    parser.add_argument(
        "--no-curve", action="store_true", help="leave out the curve over rate, spans and sampling"
    )
    parser.add_argument(
        "--curve-sets",
        type=int,
        default=4,
        help="processes per variant and sampling of the curve (default 4)",
    )
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks" / "results" / "overhead.json")
    chosen = parser.parse_args(options)
    with tempfile.TemporaryDirectory(prefix="temponest-bench-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user when this is root
        result: dict[str, Any] = {
            "machine": _machine(),
            "sets": chosen.sets,
            "rounds": chosen.rounds,
            "tables": {},
        }
        names = chosen.variants.split(",")
        with stage(folder) as place:
            for route in filter(None, chosen.routes.split(",")):
                path, requests = ROUTES[route]
                variants = [Variant(name, []) for name in names]
                for number in range(chosen.sets):
                    for server in _measure(place, names, path, requests, chosen.rounds, number):
                        variants[names.index(server.variant)].processes.append(server)
                result["tables"][route] = rows = _rows(variants, requests)
                _print_table(route, requests * chosen.rounds * chosen.sets, rows, spread(_copies(variants)))
        if not chosen.no_curve:
            with stage(folder) as place:
                result["curve"] = curve.measure(place, chosen.curve_sets, chosen.rounds)
            curve.show(result["curve"])
    chosen.output.parent.mkdir(parents=True, exist_ok=True)
    chosen.output.write_text(json.dumps(result, indent=1) + "\n")
    print(f"\nWritten to {chosen.output}")


def _measure(
    place: Stage, names: list[str], path: str, requests: int, rounds: int, seed: int
) -> list[Server]:
    """One set of processes, a new one of each variant, started in an order of its own."""
    order = random.Random(seed).sample(names, len(names))  # noqa: S311 - an order, not a secret
    with place.serving(order) as servers:
        before = place.spans()
        told = [_told(server) for server in servers]
        run(servers, path, requests, rounds, seed)
        time.sleep(EXPORT_PAUSE)
        got = place.spans()
        for server, told_before in zip(servers, told, strict=True):
            server.finish()
            server.spans = got.get(server.variant, 0) - before.get(server.variant, 0)
            server.told = {part: now - told_before[part] for part, now in _told(server).items()}
    return servers


def _copies(variants: list[Variant]) -> list[Variant]:
    return [variant for variant in variants if variant.name.startswith("none")]


def _rows(variants: list[Variant], requests: int) -> list[dict[str, Any]]:
    copies = _copies(variants)
    memory = sum(copy.mean(lambda server: server.resident) for copy in copies) / len(copies)
    rows = []
    for variant in variants:
        share, low, high = overhead(variant, copies)
        blocks = len(variant.processes[0].cost)
        # The block that warms up is told and received as well.
        answered = (blocks + 1) * requests
        told: dict[str, float] = {}
        for server in variant.processes:
            for part, seconds in server.told.items():
                told[part] = told.get(part, 0.0) + seconds / (answered * len(variant.processes)) * 1e6
        rows.append(
            {
                "variant": variant.name,
                "cpu_us_per_request": variant.request_us(),
                "overhead": share,
                "overhead_low": low,
                "overhead_high": high,
                "export_threads_us_per_request": variant.mean(lambda server: server.other)
                / (blocks * requests)
                * 1e6,
                "told_us_per_request": told,
                "rss_mb_over_none": variant.mean(lambda server: server.resident) - memory,
                "p50_ms": variant.percentile_ms(50),
                "p99_ms": variant.percentile_ms(99),
                "spans_per_request": variant.mean(lambda server: server.spans) / answered,
            }
        )
    return rows


def _told(server: Server) -> dict[str, float]:
    """CPU seconds that the server's telemetry says it took, by part."""
    with urllib.request.urlopen(f"http://127.0.0.1:{server.port}/cost") as reply:
        found: dict[str, float] = json.load(reply)
    return found


def _machine() -> dict[str, Any]:
    return {"python": platform.python_version(), "cpus": os.cpu_count(), "system": platform.platform()}


def _print_table(route: str, requests: int, rows: list[dict[str, Any]], apart: float) -> None:
    noise = max(abs(row["overhead"]) for row in rows if row["variant"].startswith("none"))
    print(
        f"\n{route}, {requests} requests a variant; copies without telemetry differ by ±{noise:.1%}, "
        f"single processes of them by up to ±{apart:.1%}\n"
    )
    columns = ("variant", "CPU/request", "over none", "95 % interval", "says itself", "export threads")
    print(f"| {' | '.join((*columns, 'RSS over none', 'p50', 'p99', 'spans'))} |\n|{'---|' * 10}")
    for row in rows:
        print(
            f"| {row['variant']} | {row['cpu_us_per_request']:.0f} µs | {row['overhead']:+.1%} "
            f"| {row['overhead_low']:+.1%} to {row['overhead_high']:+.1%} "
            f"| {sum(row['told_us_per_request'].values()):.0f} µs "
            f"| {row['export_threads_us_per_request']:.0f} µs | {row['rss_mb_over_none']:+.1f} MB "
            f"| {row['p50_ms']:.2f} ms | {row['p99_ms']:.2f} ms | {row['spans_per_request']:.1f} |"
        )

    by_variant = {row["variant"]: row for row in rows}
    print()
    for variant in ("ours", "ours-metrics"):
        if variant in by_variant:
            _print_verdicts(route, by_variant[variant], by_variant.get("ours"), rows)


def _print_verdicts(
    route: str, row: dict[str, Any], traces: dict[str, Any] | None, rows: list[dict[str, Any]]
) -> None:
    """Budgets kept and missed, the profile of what is left by part, and how true it is."""
    variant, spent = row["variant"], row["overhead"]
    if (route, variant) in BUDGETS:
        what, budget = BUDGETS[route, variant]
        print(f"- {what}: budget +{budget:.0%} {_kept(spent <= budget)} with {spent:+.1%}")
    if variant == "ours":
        memory = row["rss_mb_over_none"]
        print(f"- traces: budget {BUDGET_MB} MB {_kept(memory <= BUDGET_MB)} with {memory:+.1f} MB")
    elif traces is not None:
        share, memory = spent - traces["overhead"], row["rss_mb_over_none"] - traces["rss_mb_over_none"]
        if route == "reference request":
            budget = BUDGET_METRICS
            print(f"- metrics: budget +{budget:.1%} {_kept(share <= budget)} with {share:+.1%} over traces")
        fits = _kept(memory <= BUDGET_METRICS_MB)
        print(f"- metrics: budget {BUDGET_METRICS_MB} MB {fits} with {memory:+.1f} MB over traces")
    base = [one["cpu_us_per_request"] for one in rows if one["variant"].startswith("none")]
    measured = row["cpu_us_per_request"] - sum(base) / len(base)
    parts = sorted(row["told_us_per_request"].items(), key=lambda part: -part[1])
    of = ", ".join(f"{name} {spent:.1f} µs" for name, spent in parts if spent >= 0.05)
    print(f"- {variant}, what is left by part, as it says itself: {of}")
    told = sum(row["told_us_per_request"].values())
    row["told_of_measured"] = ratio = told / measured if measured > 0 else 0.0
    kept = _kept(abs(ratio - 1) <= SAID_WITHIN)
    low, high = (bound * sum(base) / len(base) for bound in (row["overhead_low"], row["overhead_high"]))
    print(
        f"- {variant} says {told:.0f} µs of {measured:.0f} µs measured ({low:.0f} to {high:.0f}), "
        f"{ratio:.2f} of it: within {SAID_WITHIN:.0%} {kept}"
    )


def _kept(held: bool) -> str:
    return "kept" if held else "missed"

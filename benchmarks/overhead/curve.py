"""What a request costs over none by custom spans and sampling, and the share of a core at several rates."""

from __future__ import annotations

import random
import time
from statistics import mean, stdev
from typing import Any, Final

from .measure import run
from .stage import Stage

SPANS: Final = (0, 4, 16)
RATIOS: Final = (1.0, 0.1, 0.0)
RATES: Final = (50, 200, 800)
VARIANTS: Final = ("none#1", "ours", "stock", "none#2")
REQUESTS: Final = 100  # a block
EXPORT_PAUSE = 6.0  # seconds; the exporters send what waits every five


def measure(place: Stage, sets: int, rounds: int) -> list[dict[str, Any]]:
    """Measure every point in several sets of new processes.

    Args:
        place: what the variants run on.
        sets: of processes, at least two.
        rounds: blocks per process and point.

    Returns:
        One mapping a point and variant; `noise_us` is twice the standard error of the mean over the sets.
    """
    over: dict[tuple[str, float, int], list[float]] = {}
    for number in range(sets):
        for ratio in RATIOS:
            _one_set(place, number, ratio, rounds, over)
    return [
        {
            "variant": variant,
            "sampled": ratio,
            "custom_spans": spans,
            "us_per_request_over_none": mean(found),
            "noise_us": 2 * stdev(found) / len(found) ** 0.5,
            "percent_of_a_core": {str(rate): mean(found) * rate / 1e4 for rate in RATES},
        }
        for (variant, ratio, spans), found in over.items()
    ]


def _one_set(
    place: Stage, number: int, ratio: float, rounds: int, over: dict[tuple[str, float, int], list[float]]
) -> None:
    order = random.Random(number).sample(VARIANTS, len(VARIANTS))  # noqa: S311 - an order, not a secret
    with place.serving(order, ratio) as servers:
        for spans in SPANS:
            run(servers, f"/spans/{spans}", REQUESTS, rounds, number)
            time.sleep(EXPORT_PAUSE)
            for server in servers:
                server.finish()
            cost = {server.variant: server.request_us() for server in servers}
            none = (cost["none#1"] + cost["none#2"]) / 2
            for variant in ("ours", "stock"):
                over.setdefault((variant, ratio, spans), []).append(cost[variant] - none)


def show(points: list[dict[str, Any]]) -> None:
    """Print the points as a table, ordered by sampling, spans and variant."""
    print("\nCost of one request over none, and the share of one core it is at several rates\n")
    rates = [f"{rate}/s" for rate in RATES]
    columns = ("variant", "sampled", "custom spans", "over none", "noise", *rates)
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for point in points:
        shares = "".join(f" {share:.1f} % |" for share in point["percent_of_a_core"].values())
        print(
            f"| {point['variant']} | {point['sampled']:.0%} | {point['custom_spans']} "
            f"| {point['us_per_request_over_none']:.0f} µs | ±{point['noise_us']:.0f} µs |{shares}"
        )

"""Series of Tempo's and Prometheus's APIs → a few numbers a line."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from temponest.client.trace import value

from .render import short

MAX_SERIES = 30
MAX_POINTS = 24
MAX_DIFFERENCES = 12


def tempo_series(answer: dict[str, Any]) -> list[tuple[str, list[float]]]:
    """Labels and samples of a TraceQL answer; an instant has one sample."""
    found = []
    for one in answer.get("series") or ():
        labels = ", ".join(f"{label['key']}={value(label['value'])}" for label in one.get("labels") or ())
        samples = [float(sample.get("value", 0)) for sample in one.get("samples") or ()]
        found.append((labels, samples or [float(one.get("value", 0))]))
    return found


def prometheus_series(answer: dict[str, Any]) -> list[tuple[str, list[float]]]:
    """Labels and samples of a PromQL matrix."""
    return [
        (
            ", ".join(f"{key}={text}" for key, text in one.get("metric", {}).items()),
            [float(sample) for _, sample in one.get("values") or ()],
        )
        for one in answer.get("data", {}).get("result") or ()
    ]


def table(series: list[tuple[str, list[float]]]) -> str:
    """One line a series: last, smallest, largest and mean value, and its course."""
    lines = []
    for labels, samples in sorted(series, key=lambda one: -max(one[1], default=0))[:MAX_SERIES]:
        if samples:
            mean = sum(samples) / len(samples)
            course = " ".join(f"{sample:.3g}" for sample in _thinned(samples))
            lines.append(
                f"{short(labels)}: last {samples[-1]:.4g}, min {min(samples):.4g}, max {max(samples):.4g},"
                f" mean {mean:.4g}\n  {course}"
            )
    if len(series) > MAX_SERIES:
        lines.append(f"... {len(series) - MAX_SERIES} more series; group by less, or add | topk(10)")
    return "\n".join(lines) or "no data"


def _thinned(samples: list[float]) -> list[float]:
    step = -(-len(samples) // MAX_POINTS)
    return samples[::step]


def differences(answer: dict[str, Any]) -> str:
    """What is more frequent in the selection than in the baseline of a `compare()` answer."""
    counts: dict[str, dict[tuple[str, str], float]] = defaultdict(dict)
    totals: dict[tuple[str, str], float] = {}
    for one in answer.get("series") or ():
        labels = {label["key"]: str(value(label["value"])) for label in one["labels"]}
        side = labels.pop("__meta_type", "")
        amount = float(one.get("value", 0))
        for name, text in labels.items():
            if side.endswith("_total"):
                totals[side.removesuffix("_total"), name] = amount
            elif side:
                counts[side][name, text] = amount
    ranked = []
    for (name, text), amount in counts["selection"].items():
        inside = amount / (totals.get(("selection", name)) or 1)
        outside = counts["baseline"].get((name, text), 0) / (totals.get(("baseline", name)) or 1)
        ranked.append(
            (
                inside - outside,
                f"{name} = {short(text)}: {inside:.0%} of the selection, {outside:.0%} of the rest",
            )
        )
    ranked.sort(key=lambda one: -one[0])
    lines = [line for gain, line in ranked[:MAX_DIFFERENCES] if gain > 0] or ["nothing stands out"]
    if answer.get("status") == "PARTIAL":
        lines.append("not everything was compared; take a shorter time, or fewer spans with among")
    return "\n".join(lines)

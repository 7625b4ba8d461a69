"""The growth of each figure over the spans kept, as small panels in one SVG file."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from html import escape
from typing import Any

_WIDTH, _HEIGHT, _GAP, _COLUMNS = 260, 150, 40, 3
_COLOURS = {"nest": "#2563eb", "tempo": "#d97706"}

_PANELS: dict[str, Callable[[Mapping[str, Any]], float]] = {
    "acknowledged spans/s": lambda one: one["acknowledged_per_second"],
    "CPU a span, µs": lambda one: one["cpu_us_per_span"],
    "resident memory at most, MB": lambda one: one["peak_mb"],
    "bytes a span on disk": lambda one: one["bytes_per_span"],
    "acknowledged to found, ms": lambda one: one["found_within_s"] * 1000,
    "start to ready, s": lambda one: one["ready_s"],
    "trace by id, p95 ms": lambda one: one["by_id_ms"][1],
    "… while spans come in steadily": lambda one: one["steady"]["ms"]["by id"][1],
    "… at full rate": lambda one: one["full"]["ms"]["by id"][1],
    "newest 20, slowest p95, ms": lambda one: _slowest(one["search_ms"]),
    "… while spans come in steadily, ms": lambda one: _slowest(one["steady"]["ms"]),
    "… at full rate, ms": lambda one: _slowest(one["full"]["ms"]),
}


def _slowest(times: Mapping[str, tuple[float, float]]) -> float:
    return max(p95 for label, (_, p95) in times.items() if label != "by id")


def plot(results: list[dict[str, Any]]) -> str:
    """An SVG of all panels; the horizontal axis is logarithmic, the vertical one begins at zero."""
    rows = -(-len(_PANELS) // _COLUMNS)
    size = (_COLUMNS * (_WIDTH + _GAP) + _GAP, rows * (_HEIGHT + 2 * _GAP) + _GAP)
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size[0]} {size[1]}" '
        'font-family="system-ui, sans-serif" font-size="11">',
        f'<rect width="{size[0]}" height="{size[1]}" fill="white"/>',
    ]
    for index, (title, value) in enumerate(_PANELS.items()):
        left = _GAP + index % _COLUMNS * (_WIDTH + _GAP)
        top = _GAP + index // _COLUMNS * (_HEIGHT + 2 * _GAP)
        parts += _panel(left, top, title, [(one["receiver"], one["spans"], value(one)) for one in results])
    return "\n".join([*parts, "</svg>\n"])


def _panel(left: int, top: int, title: str, points: list[tuple[str, int, float]]) -> list[str]:
    spans = sorted({one for _, one, _ in points})
    highest = max(value for _, _, value in points) or 1.0
    low, high = math.log10(spans[0]), math.log10(spans[-1])

    def x(count: int) -> float:
        return left + 20 + (math.log10(count) - low) / ((high - low) or 1) * (_WIDTH - 60)

    def y(value: float) -> float:
        return top + _HEIGHT - value / highest * (_HEIGHT - 20)

    parts = [f'<text x="{left}" y="{top - 8}" font-weight="600">{escape(title)}</text>']
    parts.append(f'<path d="M{left} {top}V{top + _HEIGHT}H{left + _WIDTH}" fill="none" stroke="#9ca3af"/>')
    parts += [
        f'<text x="{x(count):.0f}" y="{top + _HEIGHT + 14}" text-anchor="middle">{count / 1e6:g} M</text>'
        for count in spans
    ]
    for receiver in dict.fromkeys(name for name, _, _ in points):
        colour = _COLOURS.get(receiver, "#111827")
        own = [(count, value) for name, count, value in points if name == receiver]
        line = " ".join(f"{x(count):.1f},{y(value):.1f}" for count, value in own)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [
            f'<circle cx="{x(count):.1f}" cy="{y(value):.1f}" r="3" fill="{colour}"/>'
            f'<text x="{x(count) + 6:.1f}" y="{y(value) - 5:.1f}" fill="{colour}">{_short(value)}</text>'
            for count, value in own
        ]
    return parts


def _short(value: float) -> str:
    return f"{value / 1000:.0f}k" if value >= 10_000 else f"{value:.0f}" if value >= 100 else f"{value:.1f}"

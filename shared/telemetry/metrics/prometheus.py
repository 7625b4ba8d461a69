"""Metrics for a Prometheus server to scrape: the text format, OpenMetrics, and the ASGI app that serves both.

Names, units and labels follow the specification's "Prometheus and OpenMetrics compatibility"; exemplars need
OpenMetrics.
"""

from __future__ import annotations

import asyncio
import math
import re
from collections.abc import Awaitable, Callable, Iterable, Mapping, MutableMapping
from dataclasses import dataclass, field
from typing import Any

from opentelemetry import metrics as api
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.util.instrumentation import InstrumentationScope

from .points import (
    Exemplar,
    ExponentialPoint,
    HistogramPoint,
    Kind,
    Metric,
    NumberPoint,
    Point,
    ScopeMetrics,
    Temporality,
)
from .provider import Collect, MeterProvider
from .views import Preferences

TEXT = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8"

_NOT_IN_NAMES = re.compile(r"[^a-zA-Z0-9_:]+")
_NOT_IN_LABELS = re.compile(r"[^a-zA-Z0-9_]+")
_UNITS = {
    "d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds", "us": "microseconds",
    "ns": "nanoseconds", "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "GiBy": "gibibytes",
    "TiBy": "tibibytes", "KBy": "kilobytes", "MBy": "megabytes", "GBy": "gigabytes", "TBy": "terabytes",
    "m": "meters", "V": "volts", "A": "amperes", "J": "joules", "W": "watts", "g": "grams", "Cel": "celsius",
    "Hz": "hertz", "%": "percent",
}  # fmt: skip
_PER = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}
_MOST_EXEMPLAR_RUNES = 128

Labels = tuple[tuple[str, str], ...]


@dataclass
class Family:
    """The samples of one metric name."""

    name: str
    kind: str
    unit: str
    help: str
    samples: list[tuple[Labels, Point]] = field(default_factory=list)


def metric_name(metric: Metric) -> tuple[str, str]:
    """The name in Prometheus, without `_total`, and its unit word."""
    unit = _unit(metric.unit)
    if metric.unit == "1" and metric.kind is Kind.GAUGE:
        unit = "ratio"
    name = _NOT_IN_NAMES.sub("_", metric.name).strip("_") or "_"
    if name[0].isdigit():
        name = f"_{name}"
    if metric.kind is Kind.SUM and metric.monotonic:
        name = name.removesuffix("_total")
    if unit and not name.endswith(f"_{unit}") and name != unit:
        name = f"{name}_{unit}"
    return name, unit


def _unit(unit: str) -> str:
    # What stands in braces is an annotation, not a unit.
    unit = re.sub(r"{[^}]*}", "", unit).strip()
    if unit in ("", "1"):
        return ""
    over, slash, under = unit.partition("/")
    word = _UNITS.get(over, over)
    if slash:
        word = f"{word}_per_{_PER.get(under, under)}" if under else word
    return _NOT_IN_LABELS.sub("_", word).strip("_")


def families(metrics: Iterable[ScopeMetrics]) -> list[Family]:
    """Points grouped by Prometheus name; a metric whose name is taken by another type is left out."""
    found: dict[str, Family] = {}
    for of_scope in metrics:
        scope = _scope_labels(of_scope.scope)
        for metric in of_scope.metrics:
            # A server adds up by itself: differences mean nothing to it.
            if metric.temporality is Temporality.DELTA and metric.kind is not Kind.GAUGE:
                continue
            name, unit = metric_name(metric)
            kind = _kind(metric)
            family = found.setdefault(name, Family(name, kind, unit, metric.description))
            if family.kind == kind:
                family.samples += [(_labels(point.attributes, scope), point) for point in metric.points]
    return list(found.values())


def _kind(metric: Metric) -> str:
    if metric.kind is Kind.SUM:
        return "counter" if metric.monotonic else "gauge"
    return "gauge" if metric.kind is Kind.GAUGE else "histogram"


def _scope_labels(scope: InstrumentationScope) -> dict[str, str]:
    labels = {"otel_scope_name": scope.name}
    if scope.version:
        labels["otel_scope_version"] = scope.version
    if scope.schema_url:
        labels["otel_scope_schema_url"] = scope.schema_url
    return labels


def _labels(attributes: Mapping[str, Any], scope: Mapping[str, str]) -> Labels:
    labels: dict[str, str] = {}
    for key in sorted(attributes):
        label = _label_name(key)
        value = _text(attributes[key])
        # Keys that differ only in what a label cannot hold share it.
        labels[label] = f"{labels[label]};{value}" if label in labels else value
    return tuple({**labels, **scope}.items())


def _label_name(key: str) -> str:
    name = _NOT_IN_LABELS.sub("_", key) or "_"
    if name[0].isdigit():
        name = f"key_{name}"
    return f"key{name}" if name.startswith("__") else name


def _text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return value if isinstance(value, str) else str(value)


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\n", "\\n").replace('"', '\\"')


def _help(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def _written(name: str, labels: Iterable[tuple[str, str]], value: float) -> str:
    pairs = ",".join(f'{key}="{_escaped(text)}"' for key, text in labels)
    return f"{name}{{{pairs}}} {_number(value)}" if pairs else f"{name} {_number(value)}"


def _number(value: float) -> str:
    if value == math.inf:
        return "+Inf"
    if value == -math.inf:
        return "-Inf"
    return "NaN" if value != value else repr(value)


def render(metrics: Iterable[ScopeMetrics], resource: Resource | None, *, openmetrics: bool) -> str:
    """What a scrape returns.

    Args:
        metrics: what a collection yielded, cumulative.
        resource: becomes `target_info`, if given.
        openmetrics: the OpenMetrics format with exemplars, else the text format.
    """
    lines: list[str] = []
    if resource is not None:
        name = "target" if openmetrics else "target_info"
        lines.append(f"# HELP {name} Target metadata")
        lines.append(f"# TYPE {name} {'info' if openmetrics else 'gauge'}")
        lines.append(_written("target_info", _labels(resource.attributes, {}), 1))
    for family in families(metrics):
        name = family.name
        if family.kind == "counter" and not openmetrics:
            name = f"{name}_total"
        lines.append(f"# HELP {name} {_help(family.help)}")
        lines.append(f"# TYPE {name} {family.kind}")
        if openmetrics and family.unit:
            lines.append(f"# UNIT {name} {family.unit}")
        for labels, point in family.samples:
            lines += _samples(family, labels, point, openmetrics)
    if openmetrics:
        lines.append("# EOF")
    return "\n".join(lines) + "\n"


def _samples(family: Family, labels: Labels, point: Point, openmetrics: bool) -> Iterable[str]:
    if isinstance(point, NumberPoint):
        name = f"{family.name}_total" if family.kind == "counter" else family.name
        line = _written(name, labels, point.value)
        if openmetrics and family.kind == "counter" and point.exemplars:
            line += _exemplar(point.exemplars[-1])
        yield line
        return
    exemplars = sorted(point.exemplars, key=lambda exemplar: exemplar.value) if openmetrics else []
    for bound, count in _cumulative(point):
        line = _written(f"{family.name}_bucket", (*labels, ("le", _number(float(bound)))), count)
        fitting = None
        while exemplars and exemplars[0].value <= bound:
            fitting = exemplars.pop(0)
        yield line if fitting is None else line + _exemplar(fitting)
    yield _written(f"{family.name}_sum", labels, point.sum)
    yield _written(f"{family.name}_count", labels, point.count)


def _cumulative(point: HistogramPoint | ExponentialPoint) -> Iterable[tuple[float, int]]:
    total = 0
    if isinstance(point, HistogramPoint):
        for bound, count in zip((*point.explicit_bounds, math.inf), point.bucket_counts, strict=True):
            total += count
            yield bound, total
        return
    # The text formats have no exponential buckets; their bounds make explicit ones.
    base = 2.0**-point.scale

    def bound_of(index: int) -> float:
        exponent = (index + 1) * base
        return math.inf if exponent >= 1024 else 2.0**exponent

    negative = point.negative
    for position in range(len(negative.counts) - 1, -1, -1):
        total += negative.counts[position]
        yield -bound_of(negative.offset + position - 1), total
    total += point.zero_count
    if point.zero_count:
        yield 0.0, total
    for position, count in enumerate(point.positive.counts):
        total += count
        yield bound_of(point.positive.offset + position), total
    yield math.inf, total


def _exemplar(exemplar: Exemplar) -> str:
    labels: list[tuple[str, str]] = []
    if exemplar.trace_id:
        labels = [("trace_id", f"{exemplar.trace_id:032x}"), ("span_id", f"{exemplar.span_id:016x}")]
    room = _MOST_EXEMPLAR_RUNES - sum(len(key) + len(value) for key, value in labels)
    for key, value in exemplar.filtered_attributes.items():
        label, text = _label_name(key), _text(value)
        if len(label) + len(text) <= room:
            room -= len(label) + len(text)
            labels.append((label, text))
    pairs = ",".join(f'{key}="{_escaped(value)}"' for key, value in labels)
    return f" # {{{pairs}}} {_number(exemplar.value)} {exemplar.time_unix_nano / 1e9:.3f}"


class PrometheusReader:
    """Collects when it is scraped (metrics exporters, "Prometheus").

    With another cumulative reader it shares the streams, and each exemplar goes to whichever collects first.
    """

    def __init__(self) -> None:
        self.preferences = Preferences()
        self._collect: Collect | None = None

    def attach(self, collect: Collect) -> None:
        """Told by the provider how to collect."""
        self._collect = collect

    def flush(self, deadline: float) -> bool:
        """Nothing waits: the next scrape has everything."""
        del deadline
        return True

    def close(self, deadline: float) -> None:
        """Answer scrapes with nothing from now on."""
        del deadline
        self._collect = None

    def restart(self) -> None:
        """Nothing of it is bound to a process."""

    def scrape(self, resource: Resource | None, *, openmetrics: bool) -> str:
        """The metrics at this moment as text."""
        collected = [] if self._collect is None else self._collect(10.0)
        return render(collected, resource, openmetrics=openmetrics)


Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class PrometheusApp:
    """ASGI application that answers a scrape.

    In Starlette or FastAPI, after `setup_metrics`: `FastAPI(routes=[Route("/metrics", PrometheusApp())])`.
    Whoever reaches the address can read every metric, so leave it off public ones.

    Args:
        meter_provider: whose metrics; the global provider, which `setup_metrics` made, if None.
    """

    def __init__(self, meter_provider: MeterProvider | None = None) -> None:
        self._provider = meter_provider
        self._reader: PrometheusReader | None = None
        self._attach()

    def _attach(self) -> tuple[MeterProvider, PrometheusReader] | None:
        provider = self._provider or api.get_meter_provider()
        if not isinstance(provider, MeterProvider):
            return None
        if self._reader is None:
            self._reader = PrometheusReader()
            provider.add_metric_reader(self._reader)
        return provider, self._reader

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        del receive
        if scope["type"] != "http":
            raise RuntimeError("PrometheusApp answers HTTP requests only; add it as a route")
        if scope.get("method", "GET") not in ("GET", "HEAD"):
            await _answer(send, 405, TEXT, b"GET only\n")
            return
        attached = self._attach()
        if attached is None:
            await _answer(send, 503, TEXT, b"No metrics: call setup_metrics() when the service starts.\n")
            return
        provider, reader = attached
        accepted = b"".join(value for name, value in scope.get("headers", ()) if name == b"accept")
        openmetrics = b"application/openmetrics-text" in accepted

        def scrape() -> bytes:
            return reader.scrape(provider.resource, openmetrics=openmetrics).encode()

        # Callbacks of the application may take their time, and the event loop has other requests.
        body = await asyncio.to_thread(scrape)
        await _answer(send, 200, OPENMETRICS if openmetrics else TEXT, body)


async def _answer(send: Send, status: int, content_type: str, body: bytes) -> None:
    headers = [(b"content-type", content_type.encode()), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})

"""OTLP names as Prometheus spells them.

The rules are those of the OpenTelemetry specification, "Prometheus and OpenMetrics Compatibility", as
Prometheus' own OTLP receiver applies them with underscores and suffixes (its default translation strategy).
"""

from __future__ import annotations

import re
from functools import lru_cache

_UNITS = {
    "d": "days", "h": "hours", "min": "minutes", "s": "seconds", "ms": "milliseconds", "us": "microseconds",
    "ns": "nanoseconds", "By": "bytes", "KiBy": "kibibytes", "MiBy": "mebibytes", "GiBy": "gibibytes",
    "TiBy": "tibibytes", "KBy": "kilobytes", "MBy": "megabytes", "GBy": "gigabytes", "TBy": "terabytes",
    "m": "meters", "V": "volts", "A": "amperes", "J": "joules", "W": "watts", "g": "grams", "Cel": "celsius",
    "Hz": "hertz", "1": "", "%": "percent",
}  # fmt: skip
_PER = {"s": "second", "m": "minute", "h": "hour", "d": "day", "w": "week", "mo": "month", "y": "year"}

_NOT_METRIC = re.compile(r"[^a-zA-Z0-9:]+")
_NOT_LABEL = re.compile(r"[^a-zA-Z0-9_]")
_ANNOTATION = re.compile(r"\{[^}]*\}")


@lru_cache(maxsize=4096)
def metric_name(name: str, unit: str, *, counter: bool, gauge: bool) -> str:
    """The name of a metric's family.

    Args:
        name: the instrument's name.
        unit: its UCUM unit; annotations in braces do not count.
        counter: a monotonic sum gets `_total`.
        gauge: a gauge of unit `1` gets `_ratio`.
    """
    words = [word for word in _NOT_METRIC.split(name) if word]
    main, _, per = _ANNOTATION.sub("", unit).partition("/")
    suffixes = [_UNITS.get(main.strip(), main.strip())]
    if per.strip():
        suffixes.append(f"per_{_PER.get(per.strip(), per.strip())}")
    for suffix in suffixes:
        parts = [word for word in _NOT_METRIC.split(suffix.replace("_", " ")) if word]
        if parts and not all(part in words for part in parts):
            words += parts
    for wanted, suffix in ((counter, "total"), (gauge and unit == "1", "ratio")):
        if wanted:
            words = [*(word for word in words if word != suffix), suffix]
    joined = "_".join(words)
    return f"_{joined}" if joined[:1].isdigit() else joined


@lru_cache(maxsize=8192)
def label_name(name: str) -> str:
    """The name of an attribute as a label."""
    spelt = _NOT_LABEL.sub("_", name)
    if spelt[:1].isdigit():
        return f"key_{spelt}"
    # Two underscores in front are Prometheus' own.
    return f"key{spelt}" if spelt.startswith("_") and not spelt.startswith("__") else spelt

"""Which metric of OTLP a series of Prometheus is a part of.

Metadata says what a metric is. Where a server has none, only names that leave no doubt are taken at their
word: `_bucket` with `le`, `quantile` beside `_count`, and `_total`; everything else is a gauge, as the
OpenTelemetry specification says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from temponest.client.prometheus import Described

Labels: TypeAlias = Mapping[str, str]

NAME = "__name__"
_PARTS = ("_bucket", "_count", "_sum")
_UNKNOWN = Described("unknown", "", "")


@dataclass(frozen=True, slots=True)
class Family:
    """A metric; one name is one metric.

    Attributes:
        name: its name, as Prometheus spells it.
        kind: `gauge`, `counter` (a sum that only grows), `sum` (one that does not), `histogram`, `summary`.
        help: its description.
        unit: its unit.
    """

    name: str
    kind: str = field(compare=False)
    help: str = field(default="", compare=False)
    unit: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Part:
    """What a series is in its family: `_bucket`, `_count`, `_sum`, `quantile`, or the `value` itself."""

    family: Family
    part: str


@dataclass(frozen=True, slots=True)
class Seen:
    """Names of series that are looked at together.

    Attributes:
        names: of all.
        quantiles: of those with a label `quantile`.
    """

    names: frozenset[str]
    quantiles: frozenset[str]

    @classmethod
    def of(cls, series: Iterable[Labels]) -> Seen:
        """The names of these series."""
        known = [(labels.get(NAME, ""), "quantile" in labels) for labels in series]
        return cls(frozenset(name for name, _ in known), frozenset(name for name, has in known if has))


class Families:
    """Tells the families of series.

    Args:
        described: what the server says of each metric.
    """

    def __init__(self, described: Mapping[str, Described]) -> None:
        self._described = described

    def of(self, labels: Labels, seen: Seen, *, native: bool = False) -> Part:
        """The family of a series.

        Args:
            labels: its labels.
            seen: names of all series that are looked at together.
            native: whether its samples are native histograms.
        """
        name = labels.get(NAME, "")
        if native:
            return Part(self._family(name, "histogram", self._described.get(name, _UNKNOWN)), "value")
        for part in _PARTS:
            base = name.removesuffix(part)
            if base != name and (kind := self._of_parts(base, part, labels, seen)):
                return Part(self._family(base, kind, self._described.get(base, _UNKNOWN)), part)
        known = self._described.get(name) or self._described.get(name.removesuffix("_total"))
        if "quantile" in labels and (known.type == "summary" if known else f"{name}_count" in seen.names):
            return Part(self._family(name, "summary", known or _UNKNOWN), "quantile")
        if known is None:
            return Part(self._family(name, _guess(name), _UNKNOWN), "value")
        return Part(self._family(name, _number(name, known), known), "value")

    def _of_parts(self, base: str, part: str, labels: Labels, seen: Seen) -> str | None:
        """What a metric is that has such a part; None where it has none."""
        known = self._described.get(base)
        if known is not None:
            whole = part != "_bucket" or "le" in labels
            return known.type if (known.type == "histogram" and whole) or _is_total(known, part) else None
        if f"{base}{part}" in self._described:
            return None
        if part == "_bucket":
            return "histogram" if "le" in labels else None
        if base in seen.quantiles:
            return "summary"
        return "histogram" if f"{base}_bucket" in seen.names else None

    def _family(self, name: str, kind: str, known: Described) -> Family:
        return Family(name, kind, known.help, known.unit)


def _is_total(known: Described, part: str) -> bool:
    return known.type == "summary" and part != "_bucket"


def _guess(name: str) -> str:
    return "counter" if name.endswith("_total") else "gauge"


def _number(name: str, known: Described) -> str:
    if known.type == "counter":
        return "counter"
    if known.type == "unknown":
        return _guess(name)
    # A gauge without a dimension ends in _ratio by the rules of names; what does not was a sum.
    return "sum" if known.unit == "1" and not name.endswith("_ratio") else "gauge"

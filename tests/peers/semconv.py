"""Everything the library emits, checked against the model of the semantic conventions.

    git clone https://github.com/open-telemetry/semantic-conventions
    python tests/peers/semconv.py semantic-conventions

A service is run that uses all that is instrumented, with a real PostgreSQL and Valkey. Of every metric the
name, instrument, unit and advised buckets are compared; of every span and point the attributes: known to the
model and not deprecated, of its type, among those of the span or metric, and all required ones there. Ends
with 1 if anything differs.
"""

from __future__ import annotations

import argparse
import asyncio
import re
import sys
import tempfile
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import yaml
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind

sys.path.insert(0, str(Path(__file__).parents[2]))

from shared.telemetry.metrics.points import HistogramPoint, Kind, Metric
from shared.telemetry.metrics.stream import DEFAULT_BOUNDS
from temponest.demo.ports import LOOPBACK, free_ports
from temponest.demo.servers import start_postgres, start_valkey
from tests.telemetry.emitted import Emitted, emit

OURS = "temponest."
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "int": (int,),
    "double": (float, int),
    "boolean": (bool,),
    "string[]": (tuple, list),
    "template[string]": (str,),
    "template[string[]]": (tuple, list),
}
_INSTRUMENTS = {
    (Kind.SUM, True): {"counter"},
    (Kind.SUM, False): {"updowncounter"},
    (Kind.GAUGE, False): {"gauge"},
    (Kind.HISTOGRAM, False): {"histogram"},
}
_BUCKETS = re.compile(
    r"`ExplicitBucketBoundaries`[^`]*`\s*\[([^\]]*)\]`.*?<!-- semconv metric\.([\w.]+)", re.DOTALL
)


@dataclass(frozen=True)
class Attribute:
    """One attribute as the registry defines it; `members` are the values of an enumeration."""

    type: str
    members: frozenset[Any]
    deprecated: bool


class Model:
    """The parts of the conventions that names are checked by."""

    def __init__(self, checkout: Path) -> None:
        self.groups: dict[str, Mapping[str, Any]] = {}
        self.attributes: dict[str, Attribute] = {}
        for path in sorted((checkout / "model").rglob("*.yaml")):
            # The loader knows plain data only.
            content = yaml.load(path.read_text(), Loader=_LOADER) or {}  # noqa: S506
            # Two file formats stand side by side; the newer one defines attributes outside of groups.
            for attribute in content.get("attributes") or ():
                self._learn({**attribute, "id": attribute["key"]})
            for group in content.get("groups") or ():
                self.groups[group["id"]] = group
                for attribute in group.get("attributes") or ():
                    if "id" in attribute:
                        self._learn(attribute)
        self.metrics = {
            group["metric_name"]: group for group in self.groups.values() if group.get("type") == "metric"
        }
        self.buckets = {
            name: tuple(float(bound) for bound in bounds.split(","))
            for path in (checkout / "docs").rglob("*.md")
            for bounds, name in _BUCKETS.findall(path.read_text())
        }

    def _learn(self, attribute: Mapping[str, Any]) -> None:
        kind = attribute["type"]
        members = (
            frozenset(member["value"] for member in kind["members"])
            if isinstance(kind, dict)
            else frozenset()
        )
        name = "enum" if isinstance(kind, dict) else str(kind)
        self.attributes[attribute["id"]] = Attribute(name, members, "deprecated" in attribute)

    def levels(self, group: str) -> dict[str, str]:
        """The requirement level of every attribute of a group, those of the groups it extends included."""
        found: dict[str, str] = {}
        definition = self.groups[group]
        if "extends" in definition:
            found |= self.levels(definition["extends"])
        for attribute in definition.get("attributes") or ():
            name = attribute.get("ref") or attribute["id"]
            level = attribute.get("requirement_level", found.get(name, "recommended"))
            found[name] = level if isinstance(level, str) else next(iter(level))
        return found

    def attribute(self, name: str) -> Attribute | None:
        """The definition of a name; of a template's for names below it."""
        if name in self.attributes:
            return self.attributes[name]
        above = name
        while "." in above:
            above = above.rpartition(".")[0]
            found = self.attributes.get(above)
            if found is not None:
                return found if found.type.startswith("template") else None
        return None


def wrong_attributes(model: Model, where: str, group: str, attributes: Mapping[str, Any]) -> Iterable[str]:
    """What is wrong with one set of attributes."""
    levels = model.levels(group)
    for name, level in levels.items():
        if level == "required" and name not in attributes:
            yield f"{where}: {name} is required and missing"
    for name, value in attributes.items():
        if name.startswith(OURS):
            continue
        known = model.attribute(name)
        if known is None:
            yield f"{where}: {name} is not in the model"
        elif known.deprecated:
            yield f"{where}: {name} is deprecated"
        elif known.type == "enum":
            if not isinstance(value, type(next(iter(known.members)))):
                yield f"{where}: {name} is {value!r}, not one like {sorted(known.members)[0]!r}"
        elif type(value) not in _TYPES[known.type]:
            yield f"{where}: {name} is a {type(value).__name__}, not a {known.type}"
        elif name not in levels:
            yield f"{where}: {name} is not an attribute of {group}"


def wrong_metric(model: Model, metric: Metric) -> Iterable[str]:
    """What is wrong with a metric and its points."""
    name = metric.name
    if name.startswith(OURS):
        return
    definition = model.metrics.get(name)
    if definition is None:
        yield f"{name} is not a metric of the model"
        return
    if "deprecated" in definition:
        yield f"{name} is deprecated"
    if definition["instrument"] not in _INSTRUMENTS[metric.kind, metric.monotonic]:
        yield f"{name} is a {metric.kind.value}, not a {definition['instrument']}"
    if definition["unit"] != metric.unit:
        yield f"{name} is in {metric.unit}, not in {definition['unit']}"
    for point in metric.points:
        if isinstance(point, HistogramPoint):
            wanted = model.buckets.get(name)
            if wanted is not None and tuple(point.explicit_bounds) != wanted:
                yield f"{name} has buckets {point.explicit_bounds}, not {wanted}"
            if wanted is None and metric.unit == "s" and tuple(point.explicit_bounds) == DEFAULT_BOUNDS:
                yield f"{name} is in seconds and has the default buckets, which are for milliseconds"
        yield from wrong_attributes(model, name, definition["id"], point.attributes)


def group_of(span: ReadableSpan) -> str:
    """The group of the model that describes a span."""
    attributes = span.attributes or {}
    if "db.system.name" in attributes:
        return f"span.db.{attributes['db.system.name']!s}.client"
    return "span.http.server" if span.kind is SpanKind.SERVER else "span.http.client"


def check(model: Model, emitted: Emitted) -> list[str]:
    """All that is wrong, each once."""
    wrong: dict[str, None] = {}
    for of_scope in emitted.metrics:
        for metric in of_scope.metrics:
            wrong |= dict.fromkeys(wrong_metric(model, metric))
    for span in emitted.spans:
        group = group_of(span)
        wrong |= dict.fromkeys(wrong_attributes(model, group, group, span.attributes or {}))
    return list(wrong)


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the parent's name
        pass


def run() -> Emitted:
    """Start what the service needs, and let it emit."""
    with (
        tempfile.TemporaryDirectory(prefix="temponest-semconv-", ignore_cleanup_errors=True) as name,
        HTTPServer((LOOPBACK, 0), _Answers) as server,
    ):
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL runs as another user when this is root
        threading.Thread(target=server.serve_forever, daemon=True).start()
        first, second = free_ports(2)
        postgres, valkey = start_postgres(folder, first), start_valkey(folder, second)
        try:
            return asyncio.run(
                emit(
                    f"postgresql://postgres@{LOOPBACK}:{first}/postgres",
                    f"redis://{LOOPBACK}:{second}/0",
                    f"http://{LOOPBACK}:{server.server_port}/",
                )
            )
        finally:
            valkey.stop()
            postgres.stop()
            server.shutdown()


def main() -> int:
    """Print what was checked and what is wrong; 0 if nothing is."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("checkout", type=Path, help="a checkout of semantic-conventions")
    model = Model(parser.parse_args().checkout)
    emitted = run()
    metrics = [metric for of_scope in emitted.metrics for metric in of_scope.metrics]
    wrong = check(model, emitted)
    names = {metric.name for metric in metrics}
    own = sum(name.startswith(OURS) for name in names)
    bucketed = sum(name in model.buckets for name in names)
    print(
        f"{len(names)} metrics ({own} in our own namespace, {bucketed} with advised buckets) with "
        f"{sum(len(metric.points) for metric in metrics)} points, and {len(emitted.spans)} spans in "
        f"{len(set(map(group_of, emitted.spans)))} groups of the model; {len(wrong)} differences"
    )
    for line in wrong:
        print(f"  {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

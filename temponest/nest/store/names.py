"""Which services, operations and attributes a block knows, read from its columns."""

from __future__ import annotations

import pyarrow.compute as pc

from ..model.fetch import AttributeScope
from ..model.source import Operation
from . import otlp
from .block import Block
from .decode import columns_of
from .schema import attribute_of


def services(block: Block) -> set[str]:
    """Service names."""
    return set(columns_of(block.read(["service"]), "service").unique().to_pylist())


def operations(block: Block, service: str) -> set[Operation]:
    """Span names of a service with the kinds they were seen with."""
    table = block.read(["service", "name", "kind"])
    own = table.filter(pc.equal(table.column("service"), service))
    pairs = own.group_by(["name", "kind"]).aggregate([])
    names, kinds = pairs.column("name").to_pylist(), pairs.column("kind").to_pylist()
    return {Operation(name, kind) for name, kind in zip(names, kinds, strict=True)}


def attribute_names(block: Block) -> dict[AttributeScope, set[str]]:
    """Attribute names by scope; columns that are null everywhere do not count."""
    found: dict[AttributeScope, set[str]] = {
        AttributeScope.SPAN: {described[1] for name in block.names() if (described := attribute_of(name))},
        AttributeScope.RESOURCE: set(),
        AttributeScope.INSTRUMENTATION: set(),
        AttributeScope.EVENT: set(),
        AttributeScope.LINK: set(),
    }
    table = block.read(["resource", "scope", "rest", "events", "links"])
    for encoded in columns_of(table, "resource").unique().to_pylist():
        found[AttributeScope.RESOURCE].update(otlp.resource(encoded).attributes)
    for encoded in columns_of(table, "scope").unique().to_pylist():
        found[AttributeScope.INSTRUMENTATION].update(otlp.scope(encoded).attributes)
    for encoded in set(columns_of(table, "rest").flatten().to_pylist()):
        found[AttributeScope.SPAN].add(otlp.key_value(encoded)[0])
    for encoded in columns_of(table, "events").flatten().to_pylist():
        found[AttributeScope.EVENT].update(otlp.event(encoded).attributes)
    for encoded in columns_of(table, "links").flatten().to_pylist():
        found[AttributeScope.LINK].update(otlp.link(encoded).attributes)
    return found
